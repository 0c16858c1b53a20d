"""PURE. A file's text as it stands in a question."""

import re

MAX_NAME_CHARS = 100

_FENCES = re.compile(r"`{3,}")
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\[\]`]+")


def quoted(name: str, text: str) -> str:
    """The text in a fence that nothing in it can close, under the file's name on one line."""
    longest = max(map(len, _FENCES.findall(text)), default=2)
    fence = "`" * (longest + 1)
    shown = " ".join(_UNFIT.sub(" ", name).split())[:MAX_NAME_CHARS]
    return f"[file {shown}]\n{fence}\n{text}\n{fence}"
