"""PURE. What the first page of a file says: a readable database, an encrypted one, or neither.

SQLCipher's files have no mark: from the first byte, which begins a random salt, they look like
noise (zetetic.net/sqlcipher/design). So noise is taken for one.
"""

from enum import Enum

PAGE_BYTES = 4096
"""SQLite's and SQLCipher's own choice, which nothing here changes."""
MAGIC = b"SQLite format 3\0"
"""sqlite.org/fileformat2.html, "The Database Header"."""
LEAST_VALUES = 250
"""Different bytes in a page of noise, which nearly always has all 256."""


class Look(Enum):
    """What a file looks like."""

    EMPTY = "empty"
    READABLE = "readable"
    ENCRYPTED = "encrypted"
    FOREIGN = "foreign"


def look_of(page: bytes) -> Look:
    """What a file with this first page looks like."""
    if not page:
        return Look.EMPTY
    if page.startswith(MAGIC):
        return Look.READABLE
    is_noise = len(page) == PAGE_BYTES and len(set(page)) >= LEAST_VALUES
    return Look.ENCRYPTED if is_noise else Look.FOREIGN
