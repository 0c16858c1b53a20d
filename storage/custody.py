"""Under what a file is held and written: who else may have it, and what each write stands under.

`Sole` is the usual case. A working file logs its changes (`Logging`); a file that several bots
share is written under a lease (`lease.Lease`).
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from storage import changes
from storage.connection import Connector
from storage.ownership import Ownership


class Custody(Protocol):
    """Called from the writer's thread, but for `hold` and `assert_held`."""

    def hold(self, path: Path) -> AbstractContextManager[object]:
        """What is held as long as the file is open. Raises `Fenced` when another has it."""
        ...

    def claim(self, connection: Connection) -> None:
        """Make the file this process's to write. Raises `Fenced` when it is another's."""
        ...

    def opened(self, connection: Connection) -> None:
        """The writer has a new connection."""
        ...

    def admit(self, connection: Connection) -> None:
        """A transaction has begun. Raises `Fenced` when it must not go on."""
        ...

    def committed(self) -> None:
        """The transaction that was admitted last is on disk."""
        ...

    def release(self, connector: Connector) -> None:
        """Everything was written: the file is anybody's again."""
        ...

    def assert_held(self) -> None:
        """Raises `Fenced` when the file may be another's by now."""
        ...


class Sole:
    """One process owns the file and writes as it likes."""

    def hold(self, path: Path) -> AbstractContextManager[object]:
        return Ownership(path)

    def claim(self, connection: Connection) -> None: ...

    def opened(self, connection: Connection) -> None:
        changes.leave_the_log(connection)

    def admit(self, connection: Connection) -> None: ...

    def committed(self) -> None: ...

    def release(self, connector: Connector) -> None: ...

    def assert_held(self) -> None: ...


class Logging(Sole):
    """A working file: whatever is written is logged."""

    def opened(self, connection: Connection) -> None:
        changes.watch(connection)
