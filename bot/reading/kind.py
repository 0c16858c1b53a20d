"""PURE. What a file is, by its first bytes: names and types are only what somebody says it is."""

from typing import Literal

Kind = Literal["text", "pdf", "image"]

_PDF_WITHIN = 1024
"""A PDF may have other bytes before its mark (PDF 32000-1, annex H.3.4.1)."""
_SAMPLE = 65_536
_MOST_CONTROLS = 0.02
_CONTROLS = bytes({*range(32), 127} - {*b"\t\n\r\f\x1b\b"})
_UTF16_OR_32 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


def kind_of(content: bytes) -> Kind | None:
    """The kind; None for what is neither text nor something that text is found in."""
    if b"%PDF-" in content[:_PDF_WITHIN]:
        return "pdf"
    if _is_image(content):
        return "image"
    return None if _is_binary(content) else "text"


def _is_image(content: bytes) -> bool:
    is_webp = content.startswith(b"RIFF") and content[8:12] == b"WEBP"
    return is_webp or content.startswith((b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a"))


def _is_binary(content: bytes) -> bool:
    if content.startswith(_UTF16_OR_32):
        return False
    sample = content[:_SAMPLE]
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return b"\0" in content or controls > len(sample) * _MOST_CONTROLS
