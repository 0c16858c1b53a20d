"""A Markdown table as rows of monospaced text, its columns aligned."""

import unicodedata
from collections.abc import Sequence

from markdown_it.tree import SyntaxTreeNode


def cells(table: SyntaxTreeNode) -> list[list[SyntaxTreeNode]]:
    """The cells of each row; the first row has the names of the columns."""
    return [row.children for part in table.children for row in part.children]


def drawn(table: SyntaxTreeNode, rows: Sequence[Sequence[str]]) -> list[str]:
    """The table's `rows` as lines of equal width on screen, a rule below the first."""
    count = max(map(len, rows), default=0)
    widths = [
        max(_columns(row[column]) for row in rows if column < len(row)) for column in range(count)
    ]
    sides = [_side(cell) for cell in cells(table)[0]]
    lines = [_line(row, widths, sides) for row in rows]
    return [*lines[:1], "─┼─".join("─" * width for width in widths), *lines[1:]]


def _line(row: Sequence[str], widths: Sequence[int], sides: Sequence[str]) -> str:
    padded = (
        _padded(text, width, side) for text, width, side in zip(row, widths, sides, strict=False)
    )
    return " │ ".join(padded).rstrip()


def _padded(text: str, width: int, side: str) -> str:
    gap = width - _columns(text)
    before = {"right": gap, "center": gap // 2}.get(side, 0)
    return " " * before + text + " " * (gap - before)


def _side(cell: SyntaxTreeNode) -> str:
    return str(cell.attrs.get("style", "")).removeprefix("text-align:")


def _columns(text: str) -> int:
    """How wide a text is on screen: wide letters take two columns, marks above others none."""
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
