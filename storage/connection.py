"""Opens connections to one file, each with the pragmas of its file system.

The driver is `sqlcipher3`, so that encryption will only add a key. It is left in autocommit mode:
whoever runs statements says BEGIN.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine

from storage.driver import driver
from storage.pragmas import Pragmas


class Connector:
    """Hands out new connections to `path`; the caller closes them."""

    def __init__(self, path: Path, pragmas: Pragmas) -> None:
        self._path = path
        self._pragmas = pragmas
        self._engine: Engine = create_engine(
            "sqlite://",
            module=driver,
            creator=self._connect,
            poolclass=NullPool,
            hide_parameters=True,
        )

    def open(self, *, read_only: bool = False) -> Connection:
        """A connection for one thread at a time. Raises what `faults.DriverError` names."""
        connection = self._engine.connect()
        try:
            for statement in self._pragmas.statements():
                connection.exec_driver_sql(statement)
            if read_only:
                connection.exec_driver_sql("PRAGMA query_only = on")
            connection.rollback()
        except BaseException:
            discard(connection)
            raise
        return connection

    def _connect(self) -> driver.Connection:
        return driver.connect(
            f"{self._path.absolute().as_uri()}?mode=rw",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )


def discard(connection: Connection) -> None:
    """Close a connection that may be broken; what it had not committed is rolled back."""
    connection.invalidate()
    connection.close()


def raw(connection: Connection) -> driver.Connection:
    """The driver's own connection inside."""
    inner: Any = connection.connection.driver_connection
    return inner


@contextmanager
def snapshot(connection: Connection) -> Generator[None, None, None]:
    """Let all statements within see one state of the database."""
    connection.exec_driver_sql("BEGIN")
    try:
        yield
    finally:
        connection.rollback()
