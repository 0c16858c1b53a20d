"""PURE. When two questions are the same, so that one answer does for both.

Case, width, spacing and the punctuation at the end make no difference; every other character does.
"""

import json
import re
import unicodedata
from dataclasses import astuple, dataclass
from hashlib import sha256

_LAST = " .,;:!?。、"


@dataclass(frozen=True, slots=True)
class Made:
    """What an answer is made with, as `storage.records.Turn` keeps it."""

    model: str
    prompt_version: str
    sampling: str


def tidy(text: str) -> str:
    """The text in Unicode's NFKC, with single spaces and without punctuation at its end."""
    return " ".join(unicodedata.normalize("NFKC", text).split()).rstrip(_LAST)


def normal(text: str) -> str:
    """What all spellings of one question have in common; empty when it has no word.

    Compatibility caseless matching (Unicode 16, section 3.13.5, D146) on tidy text.
    """
    folded = unicodedata.normalize("NFD", text).casefold()
    return tidy(unicodedata.normalize("NFKC", folded).casefold())


def key_of(question: str, made: Made, language: str, knowledge: str) -> str:
    """The name under which an answer is kept: equal where the answer would be made alike.

    `knowledge` is the version of what the model may look up.
    """
    parts = [normal(question), *astuple(made), language, knowledge]
    return sha256(json.dumps(parts).encode()).hexdigest()


def names(answer: str, author: str) -> bool:
    """Whether an answer calls its author by name, and so is for nobody else."""
    words = [word for word in normal(author).split() if word]
    text = normal(answer)
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in words) or (
        not author.isascii() and normal(author) in text
    )
