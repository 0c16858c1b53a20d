"""PURE. What counts as a word in the index, and where it stands in a text.

A run of letters, digits and marks is a word; of Chinese, Japanese and Korean each character is one,
for words are not parted by spaces there. Case, width and accents do not count. The index and the
queries are both made of these words, so that a term of several of them, such as 会议 or `e-mail`,
is a phrase like any other.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

MAX_WORD_CHARS = 64
"""Longer runs are cut: nobody looks for them, and encoded data would fill the index."""

_CJK = (
    "\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\u1100-\u11ff\uac00-\ud7af\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_MARKS = (
    "\u0300-\u036f\u0900-\u0dff\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u20d0-\u20f0"
)
_WORD = re.compile(f"[{_CJK}][\u0300-\u036f\u3099\u309a]*|(?:(?![{_CJK}])[^\\W_]|[{_MARKS}])+")
_ACCENTS = re.compile("[\u0300-\u036f\u3099\u309a]")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is indexed, and where its letters stand in the text."""

    folded: str
    start: int
    end: int


def words(text: str) -> list[Word]:
    """The words of a text, in order."""
    found: list[Word] = []
    for match in _WORD.finditer(text):
        folded = fold(match.group())
        if folded:
            found.append(Word(folded[:MAX_WORD_CHARS], match.start(), match.end()))
    return found


def indexed(text: str) -> str:
    """The text as the index takes it: its words, with spaces between them."""
    return " ".join(word.folded for word in words(text))


def fold(word: str) -> str:
    """A word without case, width and accents."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKD", word.casefold())
    letters = unicodedata.normalize("NFC", _ACCENTS.sub("", plain).casefold())
    return "".join(_WORD.findall(letters))  # ¼ is 1⁄4 in plain letters


def marks(text: str, terms: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """Where any of the terms (each a phrase of folded words) stands in a text, not overlapping."""
    found = words(text)
    folded = [word.folded for word in found]
    spans: list[tuple[int, int]] = []
    position = 0
    while position < len(folded):
        length = max((len(t) for t in terms if t and folded[position : position + len(t)] == [*t]),
                     default=0)  # fmt: skip
        if length:
            spans.append((found[position].start, found[position + length - 1].end))
        position += length or 1
    return spans


def excerpt(
    text: str, terms: Sequence[Sequence[str]], max_chars: int
) -> tuple[str, list[tuple[int, int]]]:
    """The part of a text around its first match, on one line, and the matches within it."""
    line = " ".join(text.split())
    spans = marks(line, terms)
    first = spans[0][0] if spans else 0
    start = max(0, min(first - max_chars // 4, len(line) - max_chars))
    end = start + max_chars
    head, tail = "…" if start else "", "…" if end < len(line) else ""
    shift = len(head) - start
    inside = [(a + shift, b + shift) for a, b in spans if a >= start and b <= end]
    return f"{head}{line[start:end]}{tail}", inside
