"""Long texts in parts that fit a platform's message length, with code fences kept whole.

A part ends between paragraphs, else between lines, else between words. A fence that must be cut is
closed at the end of its part and opened again, with its language, at the start of the next, and a
table's head is repeated. Lengths are those of the rendered text, in the platform's unit, markup
included: Telegram counts without, so that its parts are somewhat shorter than they might be.
"""

import unicodedata
from collections.abc import Iterator

from adapters.base import Limits
from adapters.frames import Frame, frames
from adapters.markup import render

_CERTAIN = 28
"""Rendering makes no text more than this many times longer (a quote's mark alone: 27 characters
of HTML), unless links or tables repeat what is written elsewhere."""
_CLUSTER = 16
"""Characters looked at to keep together what is seen as one."""


def split(markdown: str, limits: Limits) -> list[str]:
    """The parts, at least one; together they hold all of the text."""
    if _surely_fits(markdown, limits) or _length(markdown, limits) <= limits.max_chars:
        return [markdown]
    return list(_fitting(markdown, limits.max_chars, limits)) or [""]


def units(text: str, limits: Limits) -> int:
    """The length of a text as the platform counts it."""
    match limits.unit:
        case "chars":
            return len(text)
        case "utf16":
            return len(text) if text.isascii() else len(text.encode("utf-16-le", "replace")) // 2
        case "bytes":
            return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _surely_fits(markdown: str, limits: Limits) -> bool:
    widest = {"chars": 1, "utf16": 2, "bytes": 4}[limits.unit]
    short = len(markdown) * _CERTAIN * widest <= limits.max_chars
    return short and "[" not in markdown and "|" not in markdown


def _length(markdown: str, limits: Limits) -> int:
    return units(render(markdown, limits.dialect).text, limits)


def _fitting(markdown: str, budget: int, limits: Limits) -> Iterator[str]:
    """Parts of at most `budget` units of Markdown, smaller ones where markup makes them longer."""
    for part in _Packer(budget, limits).pack(markdown):
        length, size = _length(part, limits), units(part, limits)
        if length <= limits.max_chars or size == 1:
            yield part
        else:
            yield from _fitting(
                part, max(1, min(size - 1, size * limits.max_chars // length)), limits
            )


class _Packer:
    """Fills parts line by line. `_frame` is what is open, `_reopened` whether an earlier part has
    its beginning."""

    def __init__(self, budget: int, limits: Limits) -> None:
        self._budget = budget
        self._limits = limits
        self._parts: list[str] = []
        self._lines: list[str] = []
        self._size = 0
        self._frame: Frame | None = None
        self._reopened = False

    def pack(self, markdown: str) -> list[str]:
        """The parts that are not empty."""
        open_after = frames(markdown, max(8, self._budget // 4))
        for number, line in enumerate(markdown.split("\n")):
            self._take(line, open_after.get(number))
        self._finish()
        return [text for text in (part.strip("\n") for part in self._parts) if text]

    def _take(self, line: str, frame: Frame | None) -> None:
        written = line
        if self._frame and self._reopened:
            line = self._frame.moved(written)
        if self._room(frame) < units(line, self._limits):
            self._turn_over()
            if self._frame:
                line = self._frame.moved(written)
        while self._room(frame) < units(line, self._limits) and len(line) > 1:
            end = _cut(line, self._room(frame), self._limits)
            self._add(line[:end])
            self._finish()
            line = line[end:]
        self._add(line)
        if frame is not self._frame:
            self._frame, self._reopened = frame, False

    def _room(self, frame: Frame | None) -> int:
        closing = self._closing(frame)
        return self._budget - self._size - (units(closing, self._limits) + 1 if closing else 0)

    def _closing(self, frame: Frame | None) -> str:
        if frame is None:
            return ""
        return frame.closing if self._reopened else frame.closing_inside

    def _add(self, line: str) -> None:
        self._lines.append(line)
        self._size += units(line, self._limits) + 1

    def _turn_over(self) -> None:
        """Go on in a new part, from the last paragraph if the old one is half full without it."""
        kept, size = len(self._lines), self._size
        while not self._frame and kept and size > self._budget // 2:
            kept -= 1
            size -= units(self._lines[kept], self._limits) + 1
            if not self._lines[kept]:
                moved = self._lines[kept + 1 :]
                self._lines = self._lines[:kept]
                break
        else:
            moved = list[str]()
        self._finish()
        for line in moved:
            self._add(line)

    def _finish(self) -> None:
        closing = self._closing(self._frame)
        self._parts.append("\n".join([*self._lines, *([closing] if closing else [])]))
        self._lines, self._size = [], 0
        if self._frame:
            self._reopened = True
            self._add(self._frame.opening)


def _cut(line: str, room: int, limits: Limits) -> int:
    """Where to end a piece of at most `room` units, at least one character on."""
    window = line[: max(1, room)]
    end = min(len(window), len(line) - 1)
    while end > 1 and units(window[:end], limits) > room:
        end -= max(1, (units(window[:end], limits) - room) // 4)
    space = window.rfind(" ", end // 2, end)
    return space + 1 if space > 0 else _between_clusters(line, max(1, end))


def _between_clusters(line: str, end: int) -> int:
    """Step back from inside what is seen as one character, if it is not too long."""
    for cut in range(end, max(0, end - _CLUSTER), -1):
        if not _is_inside_cluster(line[:cut], line[cut : cut + 1]):
            return cut
    return end


def _is_inside_cluster(before: str, after: str) -> bool:
    """Whether a joiner, a mark, a skin tone or the second half of a flag stands at the cut."""
    if not after or "\u200d" in (before[-1], after):
        return bool(after)
    if _is_flag(before[-1]) and _is_flag(after):
        flags = len(before) - len(before.rstrip(_FLAGS))
        return flags % 2 == 1
    return (
        unicodedata.category(after) in ("Mn", "Me", "Mc") or "\U0001f3fb" <= after <= "\U0001f3ff"
    )


_FLAGS = "".join(map(chr, range(0x1F1E6, 0x1F200)))


def _is_flag(character: str) -> bool:
    return character in _FLAGS
