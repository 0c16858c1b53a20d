"""PURE. How a file is opened: journal, durability and locking. `verdict.py` chooses."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Pragmas:
    """Settings of every connection to one file. `readers` counts connections beside the writer."""

    journal_mode: Literal["wal", "truncate", "persist", "delete"]
    synchronous: Literal["full", "extra"]
    locking_mode: Literal["normal", "exclusive"]
    readers: int
    busy_timeout_ms: int = 10_000
    journal_size_limit_bytes: int = 16 << 20

    def statements(self) -> tuple[str, ...]:
        """The statements for a fresh connection, in order."""
        return (
            f"PRAGMA busy_timeout = {self.busy_timeout_ms}",
            f"PRAGMA locking_mode = {self.locking_mode}",
            f"PRAGMA journal_mode = {self.journal_mode}",
            f"PRAGMA synchronous = {self.synchronous}",
            f"PRAGMA journal_size_limit = {self.journal_size_limit_bytes}",
            "PRAGMA mmap_size = 0",
            "PRAGMA temp_store = memory",
            "PRAGMA secure_delete = on",
            "PRAGMA foreign_keys = on",
        )


LOCAL = Pragmas(journal_mode="wal", synchronous="full", locking_mode="normal", readers=2)
NETWORK = Pragmas(journal_mode="persist", synchronous="full", locking_mode="exclusive", readers=1)
"""A network mount whose file one connection owns: the cheapest commit, and no second connection."""
DIRECT = Pragmas(journal_mode="truncate", synchronous="full", locking_mode="normal", readers=2)
"""A network mount whose file several connections open, on one machine or two."""
OTHER = Pragmas(journal_mode="truncate", synchronous="extra", locking_mode="normal", readers=1)
"""A file system of which little is known: its directories are synced too."""
ALONE = Pragmas(journal_mode="delete", synchronous="full", locking_mode="normal", readers=1)
"""Any file that nobody else has open, and that is to stand by itself: nothing is left beside it."""
