"""What each chat platform calls formatted text, one module a platform.

A module has one function from Markdown to what its platform's parser accepts, whatever the
Markdown is. Nothing in the result runs, loads or calls anybody, and no words are lost.
"""

import re

JOINER = "\u2060"
"""U+2060 WORD JOINER: not seen, and no part of a name, so that a platform finds no mention."""

LANGUAGE = re.compile(r"[\w+#.-]{1,32}")
"""What may name the language of code."""


def language(info: str) -> str:
    """The language that a fence names after its backticks; empty if it names none."""
    match = LANGUAGE.match(info.strip())
    return match[0] if match else ""
