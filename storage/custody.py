"""Under what a file is held and written: who else may have it, and what each write stands under.

`Sole` is the usual case. A working file logs its changes (`Logging`).
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from storage import changes
from storage.ownership import Ownership


class Custody(Protocol):
    """Called from the writer's thread, but for `hold`."""

    def hold(self, path: Path) -> AbstractContextManager[object]:
        """What is held as long as the file is open. Raises `Fenced` when another has it."""
        ...

    def opened(self, connection: Connection) -> None:
        """The writer has a new connection."""
        ...


class Sole:
    """One process owns the file and writes as it likes."""

    def hold(self, path: Path) -> AbstractContextManager[object]:
        return Ownership(path)

    def opened(self, connection: Connection) -> None:
        changes.leave_the_log(connection)


class Logging:
    """A working file: whatever is written is logged."""

    def hold(self, path: Path) -> AbstractContextManager[object]:
        return Ownership(path)

    def opened(self, connection: Connection) -> None:
        changes.watch(connection)
