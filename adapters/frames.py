"""What must be closed where a text is cut, and opened again where it goes on: fences and tables.

The parser says which lines they are, so that a fence in a list or a quote counts as well, and one
that only looks like a fence does not. Past the parser's bounds the lines alone decide.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from adapters.syntax import is_bounded, parser

_FENCE = re.compile(r"((?:[ \t]|>|[-*+][ \t]|\d{1,9}[.)][ \t])*)(`{3,}(?!.*`)|~{3,})(.*)")
_OUTERMOST = re.compile(r" {0,3}(`{3,}(?!.*`)|~{3,})(.*)")


@dataclass(frozen=True, slots=True)
class Frame:
    """`opening` goes before the rest of what was cut, `closing` after its beginning.

    The beginning stands as deep in lists and quotes as it was written, and `closing_inside` fits
    there; the rest stands in `quotes` levels of quotes and in no list.
    """

    opening: str
    closing: str = ""
    closing_inside: str = ""
    quotes: int = 0
    indent: int = 0

    def moved(self, line: str) -> str:
        """A line of the rest, taken out of the lists that its beginning stood in."""
        for _ in range(self.quotes):
            line = re.sub(r"^\s*>", "", line, count=1)
        spaces = len(line) - len(line.lstrip(" "))
        return "> " * self.quotes + line[min(spaces, self.indent) :]


def frames(markdown: str, max_opening_chars: int) -> Mapping[int, Frame]:
    """The frame that is open after a line, by the line's number.

    A frame whose opening has more than `max_opening_chars` characters is text like any other.
    """
    lines = markdown.split("\n")
    found = _parsed(markdown, lines) if is_bounded(markdown) else _seen(lines)
    return {
        number: frame
        for frame, first, end in found
        if len(frame.opening) <= max_opening_chars
        for number in range(first, end)
    }


def _parsed(markdown: str, lines: Sequence[str]) -> Iterator[tuple[Frame, int, int]]:
    for token in parser().parse(markdown):
        if token.map and token.type == "fence":
            yield from _fence(token, lines)
        elif token.map and token.type == "table_open" and token.level == 0:
            first, end = token.map
            yield Frame("\n".join(lines[first : first + 2])), first + 1, end - 1


def _fence(token: Token, lines: Sequence[str]) -> Iterator[tuple[Frame, int, int]]:
    first, end = token.map or (0, 0)
    match = _FENCE.fullmatch(lines[first])
    if match:
        last = lines[end - 1].lstrip("> \t")
        is_closed = end - 1 > first and last.startswith(token.markup) and not last.strip("`~ \t")
        if not is_closed and not "".join(lines[end:]).strip():
            end = len(lines)
        yield _framed(*match.groups()), first, end - is_closed


def _framed(before: str, mark: str, info: str) -> Frame:
    quotes = before.count(">")
    around = "> " * quotes
    return Frame(
        f"{around}{mark}{info}",
        around + mark,
        re.sub(r"[^>\s]", " ", before) + mark,
        quotes,
        len(before.rpartition(">")[2]),
    )


def _seen(lines: Sequence[str]) -> Iterator[tuple[Frame, int, int]]:
    first, mark, info = 0, "", ""
    for number, line in enumerate(lines):
        match = _OUTERMOST.fullmatch(line)
        if match and not mark:
            first, mark, info = number, match[1], match[2]
        elif match and match[1].startswith(mark) and not match[2].strip():
            yield _framed("", mark, info), first, number
            mark = ""
    if mark:
        yield _framed("", mark, info), first, len(lines)
