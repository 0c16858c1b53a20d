"""PURE. Text that can be written down: JSON can hold what UTF-8 can't.

A platform's JSON may name half of a surrogate pair ("\\ud800"); Python keeps it as a character that
no file, database or socket takes (RFC 8259, section 8.2).
"""

from collections.abc import Iterable


def whole(text: str) -> str:
    """The text with U+FFFD for each lone surrogate."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def mend(value: object, names: Iterable[str]) -> None:
    """Make the texts under these names of a frozen value whole, while it is being made."""
    for name in names:
        text = getattr(value, name)
        if isinstance(text, str) and not text.isascii():
            object.__setattr__(value, name, whole(text))
