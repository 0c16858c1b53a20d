"""PURE. How much of a file is read, and what comes of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read of one file.

    `max_bytes` as it is sent, `max_chars` of its text, `max_pages` of a PDF, `max_pixels` of an
    image. The child that reads it has `timeout_s` in all, `cpu_s` seconds of work and
    `memory_bytes` of address space; so has the program that it asks for an image's words.
    """

    max_bytes: int = 20_000_000
    max_chars: int = 12_000
    max_pages: int = 200
    max_pixels: int = 40_000_000
    timeout_s: float = 40.0
    cpu_s: int = 30
    memory_bytes: int = 1_000_000_000


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Read:
    """A file's text, or the reason why there is none, by its name in `bot/texts`."""

    text: str = ""
    reason: str = ""


def bounded(text: str, max_chars: int, *, goes_on: bool = False) -> str:
    """The beginning of a text, which says so when there is more (`goes_on`: in the file)."""
    if len(text) <= max_chars and not goes_on:
        return text
    return f"{text[:max_chars].rstrip()}\n[… the file goes on]"
