"""Reads a file by its kind."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read of a file."""

    max_bytes: int = 20_000_000
    max_chars: int = 12_000


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Read:
    """A file's text, or the reason why there is none, by its name in `bot/texts`."""

    text: str = ""
    reason: str = ""


async def read_attachment(name: str, mime: str, content: bytes, limits: Limits = LIMITS) -> Read:
    """The text of a file."""
    if len(content) > limits.max_bytes:
        return Read(reason="file_too_large")
    if b"\0" in content:
        return Read(reason="file_kind")
    text = content.decode("utf-8", "replace")
    return Read(text[: limits.max_chars])
