"""PURE. Text as it may be stored, shown to a model and printed: no control over the reader.

Removed are characters that steer a terminal, reorder or hide text, or exist only to be abused; what
a person can see stays. Policies will add redaction in front of this; see `redact` in `pipeline`.
"""

import re
import unicodedata

from adapters.unicode import whole

MAX_MARKS = 8
"""Combining marks kept after one character; no script in use stacks more."""

_HARMLESS = re.compile(r"[\t\n\x20-\x7e]*")
_REMOVED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1 controls but tab and line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi marks, overrides and isolates
    "\u2060-\u2064\ufeff\ufff9-\ufffb"  # invisible operators, byte order mark, annotations
    "\U000e0000-\U000e007f]"  # tag characters
)
_LINE_ENDS = re.compile("\r\n?|\u2028|\u2029")


def clean(text: str) -> str:
    """The text without NUL, terminal escapes, bidi overrides, tags and stacked marks.

    Lone surrogates become U+FFFD and every line ends in a line feed.
    """
    if _HARMLESS.fullmatch(text):
        return text
    return _cap_marks(_REMOVED.sub("", _LINE_ENDS.sub("\n", whole(text))))


def clean_line(text: str, max_chars: int = 80) -> str:
    """A text on one line, as for a title."""
    return " ".join(clean(text).split())[:max_chars]


def clean_name(name: str) -> str:
    """A person's display name; in a room's prompt it stands before a colon and their words."""
    return clean_line(name.replace(":", " "))


def _is_mark(character: str) -> bool:
    """Whether it stands above, below or around the one before; among them all that have a
    combining class, which normalising sorts (Unicode, D109), in the square of a run's length."""
    return unicodedata.category(character) in ("Mn", "Me") or unicodedata.combining(character) > 0


def _cap_marks(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if _is_mark(character) else 0
        if marks <= MAX_MARKS:
            kept.append(character)
    return "".join(kept)
