"""The SQLite driver: SQLCipher's build, for its newer SQLite and for encryption.

It has the interface of the standard library's `sqlite3`, and no types of its own.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3 as driver
else:
    from sqlcipher3 import dbapi2 as driver

__all__ = ["driver"]
