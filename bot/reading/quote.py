"""PURE. A file's text as it stands in a question."""

import re

_FENCES = re.compile(r"`{3,}")


def quoted(name: str, text: str) -> str:
    """The text in a fence that nothing in it can close, under the file's name."""
    longest = max(map(len, _FENCES.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"[file {name}]\n{fence}\n{text}\n{fence}"
