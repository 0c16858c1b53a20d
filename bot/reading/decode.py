"""PURE. Bytes of a text file as text."""

import codecs

from bot.reading.limits import bounded

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; that of UTF-32 begins with that of UTF-16."""
_WIDEST = 4
"""Bytes of one character, at most."""


def decoded(content: bytes, max_chars: int) -> str:
    """The text, at most its first `max_chars` characters; empty if there is none to see."""
    head = content[: max_chars * _WIDEST + _WIDEST]
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")
    cut = len(head) < len(content)
    text = _text(head, encoding, final=not cut).replace("\r\n", "\n").replace("\r", "\n")
    return bounded(text, max_chars, goes_on=cut) if text.strip() else ""


def _text(head: bytes, encoding: str, *, final: bool) -> str:
    """In the encoding, else in what Windows writes, where every other byte has a meaning too."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head, final)
    except UnicodeDecodeError:
        latin = encoding if encoding.startswith("utf-1") or encoding == "utf-32" else "cp1252"
        return head.decode(latin, "replace")
