"""Reads a file by its kind."""

from bot.reading.confine import in_child
from bot.reading.decode import decoded
from bot.reading.kind import kind_of
from bot.reading.limits import LIMITS, Limits, Read

_NOT_READ = ("audio/", "video/", "font/")


async def read_attachment(
    name: str,  # noqa: ARG001
    mime: str,
    content: bytes,
    limits: Limits = LIMITS,
) -> Read:
    """The text of a file; never raises for what is in it.

    What kind it is its bytes say: `name` decides nothing, `mime` only what is not looked at.
    """
    if len(content) > limits.max_bytes:
        return Read(reason="file_too_large")
    kind = None if mime.startswith(_NOT_READ) else kind_of(content)
    if kind is None:
        return Read(reason="file_kind")
    if kind != "text":
        return await in_child(kind, content, limits)
    text = decoded(content, limits.max_chars)
    return Read(text) if text else Read(reason="file_unreadable")
