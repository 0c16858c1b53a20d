"""Long texts in parts that fit a platform's message length, with code fences kept whole.

A part ends between paragraphs, else between lines, else between words. A fence that must be cut is
closed at the end of its part and opened again, with its language, at the start of the next. Lengths
are those of the rendered text, in the platform's unit.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from adapters.base import Limits
from adapters.markup import render

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_CERTAIN = 8
"""Rendering makes no text longer than this many times its source in UTF-16 units."""


def split(markdown: str, limits: Limits) -> list[str]:
    """The parts, at least one; together they hold all of the text."""
    if (
        len(markdown) * _CERTAIN <= limits.max_chars
        or _length(markdown, limits) <= limits.max_chars
    ):
        return [markdown]
    budget = limits.max_chars
    while True:
        parts = _pack(markdown, budget, limits)
        longest = max(_length(part, limits) for part in parts)
        if longest <= limits.max_chars or budget <= 1:
            return parts
        budget = min(budget - 1, budget * limits.max_chars // longest)


def units(text: str, limits: Limits) -> int:
    """The length of a text as the platform counts it."""
    match limits.unit:
        case "chars":
            return len(text)
        case "utf16":
            return len(text.encode("utf-16-le", "surrogatepass")) // 2
        case "bytes":
            return len(text.encode("utf-8", "surrogatepass"))


def _length(markdown: str, limits: Limits) -> int:
    return units(render(markdown, limits.dialect).text, limits)


@dataclass(slots=True)
class _Part:
    """A part on its way. `fence` is the opening line of the fence it stands in, or empty."""

    lines: list[str] = field(default_factory=list[str])
    size: int = 0
    fence: str = ""

    def add(self, line: str, size: int) -> None:
        self.lines.append(line)
        self.size += size + 1

    def text(self) -> str:
        return "\n".join([*self.lines, _closing(self.fence)] if self.fence else self.lines)


def _pack(markdown: str, budget: int, limits: Limits) -> list[str]:
    parts: list[str] = []
    part = _Part()
    for line in _short_lines(markdown, budget, limits):
        fence = _after(line, part.fence)
        size = units(line, limits)
        reserve = units(_closing(fence), limits) + 1 if fence else 0
        if part.lines and part.size + size + reserve > budget:
            part = _turn_over(part, parts)
        part.add(line, size)
        part.fence = fence
    parts.append(part.text())
    return [text for text in (part.strip("\n") for part in parts) if text] or [""]


def _turn_over(part: _Part, parts: list[str]) -> _Part:
    """Finish a part, at its last paragraph if that leaves it at least half full."""
    following = _Part(fence=part.fence)
    if part.fence:
        following.add(part.fence, len(part.fence))
    elif "" in part.lines[len(part.lines) // 2 :]:
        cut = len(part.lines) - 1 - part.lines[::-1].index("")
        for line in part.lines[cut + 1 :]:
            following.add(line, len(line))
        part.lines = part.lines[:cut]
    parts.append(part.text())
    return following


def _after(line: str, fence: str) -> str:
    """The fence that is open after a line."""
    match = _FENCE.fullmatch(line)
    if match is None:
        return fence
    if not fence:
        return line if "`" not in match[2] else ""
    mark = _closing(fence)
    closes = match[1].startswith(mark) and not match[2].strip()
    return "" if closes else fence


def _closing(fence: str) -> str:
    match = _FENCE.fullmatch(fence)
    return match[1] if match else ""


def _short_lines(markdown: str, budget: int, limits: Limits) -> Iterator[str]:
    """The lines, those longer than half a part cut between words, or anywhere if there are none."""
    longest = max(1, budget // 2)
    for line in markdown.split("\n"):
        rest = line
        while units(rest, limits) > longest:
            cut = _cut(rest, longest, limits)
            yield rest[:cut]
            rest = rest[cut:]
        yield rest


def _cut(line: str, longest: int, limits: Limits) -> int:
    end = max(1, longest if limits.unit == "chars" else len(line) * longest // units(line, limits))
    while end > 1 and units(line[:end], limits) > longest:
        end -= 1
    space = line.rfind(" ", end // 2, end)
    return space + 1 if space > 0 else _between_graphemes(line, end)


def _between_graphemes(line: str, end: int) -> int:
    """Step back from inside a cluster: a joiner, a mark or a variation selector holds together."""
    cut = end
    while cut > max(1, end - 16) and _joins(line[cut - 1], line[cut : cut + 1]):
        cut -= 1
    return cut


def _joins(before: str, after: str) -> bool:
    import unicodedata

    return (
        before == "\u200d"
        or after == "\u200d"
        or (after != "" and unicodedata.category(after) in ("Mn", "Me", "Sk"))
    )
