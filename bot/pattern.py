"""PURE. Patterns of questions: words, `*` for anything or nothing, `{name}` for something.

A pattern fits a whole message; case, width, spacing and the punctuation at the end make no
difference (`likeness.tidy`). There is no backtracking: the words of a pattern are sought from the
left, each at the first place it can have, which leaves the most room for those that follow. A match
therefore takes time in proportion to the message for each word of the pattern.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.likeness import tidy

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_GAP = re.compile(rf"{PLACEHOLDER.pattern}|\*+")


class Invalid(Exception):
    """What somebody wrote can't be used: the reason, by its name in `Texts`, and its values."""

    def __init__(self, reason: str, **values: object) -> None:
        super().__init__(reason)
        self.reason = reason
        self.values = values


@dataclass(frozen=True, slots=True)
class Message:
    """A message as patterns read it. `origin` gives the place in `plain` of each folded one."""

    plain: str
    folded: str
    origin: Sequence[int]


def read(text: str) -> Message:
    """Make a text ready to be matched."""
    plain = tidy(text)
    folded = [character.casefold() for character in plain]
    origin = [place for place, each in enumerate(folded) for _ in each]
    return Message(plain, "".join(folded), [*origin, len(plain)])


@dataclass(frozen=True, slots=True)
class Pattern:
    """Words with a gap between each two of them; a gap with a name holds something."""

    words: tuple[str, ...]
    gaps: tuple[str, ...]

    def match(self, message: Message) -> dict[str, str] | None:
        """What stands in the named gaps, as it was written; None when the pattern does not fit."""
        places = self._places(message.folded)
        if places is None:
            return None
        found: dict[str, str] = {}
        for name, (start, end) in zip(self.gaps, places, strict=True):
            if name:
                found[name] = message.plain[message.origin[start] : message.origin[end]].strip()
        return found

    def _places(self, text: str) -> list[tuple[int, int]] | None:
        """Where the gaps begin and end, in folded characters."""
        first, *middle = self.words
        if not self.gaps:
            return [] if text == first else None
        if not text.startswith(first):
            return None
        places: list[tuple[int, int]] = []
        start = len(first)
        for name, word in zip(self.gaps[:-1], middle[:-1], strict=True):
            end = text.find(word, start + bool(name))
            if end < 0:
                return None
            places.append((start, end))
            start = end + len(word)
        end = len(text) - len(middle[-1])
        if end < start + bool(self.gaps[-1]) or not text.endswith(middle[-1]):
            return None
        return [*places, (start, end)]


def compiled(source: str) -> Pattern:
    """The pattern that a person wrote. Raises `Invalid`."""
    text = tidy(source)
    words, gaps, end = [""], list[str](), 0
    for gap in _GAP.finditer(text):
        words[-1] = text[end : gap.start()]
        gaps.append(gap[1] or "")
        words.append("")
        end = gap.end()
    words[-1] = text[end:]
    if any(brace in word for word in words for brace in "{}"):
        raise Invalid("pattern_braces", pattern=source)
    if not any(word.strip() for word in words):
        raise Invalid("pattern_without_words", pattern=source)
    if "" in words[1:-1]:
        raise Invalid("pattern_gaps", pattern=source)
    named = sorted(gap for gap in gaps if gap)
    twice = [one for one, other in pairwise(named) if one == other]
    if twice:
        raise Invalid("pattern_twice", pattern=source, variable=f"{{{twice[0]}}}")
    return Pattern(tuple(word.casefold() for word in words), tuple(gaps))
