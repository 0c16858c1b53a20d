"""Opens connections to one file, each with its key and the pragmas of its file system.

Nothing else opens a database. The driver is left in autocommit mode: whoever runs statements says
BEGIN.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine

from storage.driver import driver
from storage.faults import DriverError, is_unreadable, unreadable
from storage.header import PAGE_BYTES, look_of
from storage.key import Key
from storage.pragmas import Pragmas


class Connector:
    """Hands out new connections to `path`; the caller closes them. Without a key it is readable."""

    def __init__(self, path: Path, pragmas: Pragmas, key: Key | None = None) -> None:
        self._path = path
        self._pragmas = pragmas
        self._key = key
        self._engine: Engine = create_engine(
            "sqlite://",
            module=driver,
            creator=self._connect,
            poolclass=NullPool,
            hide_parameters=True,
        )

    def open(self, *, read_only: bool = False) -> Connection:
        """A connection for one thread at a time.

        Raises what `faults.DriverError` names, `WrongKey`, and `Corrupt` for what is no database.
        """
        connection = self._engine.connect()
        try:
            for statement in self._pragmas.statements():
                connection.exec_driver_sql(statement)
            if read_only:
                connection.exec_driver_sql("PRAGMA query_only = on")
            connection.rollback()
        except DriverError as error:
            discard(connection)
            if is_unreadable(error):
                look = look_of(_first_page(self._path))
                raise unreadable(self._path, look, has_key=self._key is not None) from error
            raise
        except BaseException:
            discard(connection)
            raise
        return connection

    def _connect(self) -> driver.Connection:
        connection = driver.connect(
            f"{self._path.absolute().as_uri()}?mode=rw",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        # SQLCipher would print its own words about a wrong key; the error that is raised says it.
        connection.execute("PRAGMA cipher_log_level = NONE")
        if self._key is not None:
            connection.execute(f'PRAGMA key = "{self._key.literal}"')
        return connection


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


def _first_page(path: Path) -> bytes:
    """Closing a file frees its POSIX locks: only for one that no connection could be opened to."""
    with path.open("rb") as file:
        return file.read(PAGE_BYTES)
