"""The one thread that writes: it commits everything that is queued at once, and waits for no more.

While a commit is on its way to the disk new work gathers, and goes into the next one; so commits
grow with the load and a single write waits for nobody.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Generic, Protocol, TypeVar

from sqlalchemy import Connection

from storage.connection import Connector, discard
from storage.custody import Custody
from storage.faults import (
    DriverError,
    doubting,
    explain,
    full,
    is_fault_of_file,
    may_hide_full,
)
from storage.records import StorageError
from storage.threads import PREFIX


class Work(Protocol):
    """Something to be written. `run` may be called again after a roll-back."""

    def run(self, connection: Connection) -> None: ...

    def fail(self, error: Exception) -> None: ...


W = TypeVar("W", bound=Work)


class Writer(Generic[W]):
    """Runs work in order of submission; after each commit calls `done` from its own thread.

    `done(works, committed, seconds)` gets works that ran or failed; `committed` is false when the
    commit failed and all of them with it. `is_full` is asked when that may be why.
    """

    def __init__(
        self,
        path: Path,
        connector: Connector,
        custody: Custody,
        done: Callable[[Sequence[W], bool, float], None],
        is_full: Callable[[Path], bool],
    ) -> None:
        self._path = path
        self._connector = connector
        self._custody = custody
        self._done = done
        self._is_full = is_full
        self._queue: SimpleQueue[Sequence[W] | None] = SimpleQueue()
        self._connection: Connection | None = None
        self.is_abandoned = False
        self._thread = Thread(target=self._work, name=f"{PREFIX}writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, works: Sequence[W]) -> None:
        """Queue works that shall stand in one transaction."""
        self._queue.put(works)

    def stop(self) -> None:
        """Write what is queued, close the connection, and wait for both."""
        self._queue.put(None)
        self._thread.join()

    def abandon(self) -> None:
        """Begin nothing more and tell nobody: it hangs, and may come to itself whenever."""
        self.is_abandoned = True

    def _work(self) -> None:
        last = False
        while not last:
            works, last = self._take()
            if works and not self.is_abandoned:
                started = perf_counter()
                committed = self._commit(works)
                if not self.is_abandoned:
                    self._done(works, committed, perf_counter() - started)
        self._discard()

    def _take(self) -> tuple[list[W], bool]:
        """Everything that is queued, at least one submission; and whether it was the last."""
        works: list[W] = []
        submitted = self._queue.get()
        while submitted is not None:
            works += submitted
            try:
                submitted = self._queue.get_nowait()
            except Empty:
                return works, False
        return works, True

    def _commit(self, works: Sequence[W]) -> bool:
        try:
            doubting(partial(self._attempt, works))
        except Exception as error:  # noqa: BLE001  # whatever it is, somebody waits for an answer
            hidden = may_hide_full(error) and self._is_full(self._path)
            for work in works:
                work.fail(_because(full(self._path), error) if hidden else self._own(error))
            return False
        return True

    def _attempt(self, works: Sequence[W]) -> None:
        try:
            connection = self._connected()
            if not self._run_together(connection, works):
                self._run_apart(connection, works)
        except BaseException:
            self._discard()
            raise

    def _run_together(self, connection: Connection, works: Sequence[W]) -> bool:
        """The usual way, without savepoints: false, and nothing done, when one of them fails."""
        self._begin(connection)
        try:
            for work in works:
                work.run(connection)
        except Exception as error:
            if is_fault_of_file(error):
                raise
            connection.rollback()
            return False
        self._end(connection)
        return True

    def _run_apart(self, connection: Connection, works: Sequence[W]) -> None:
        """Each in its own savepoint, so that who fails, fails alone."""
        self._begin(connection)
        for work in works:
            connection.exec_driver_sql("SAVEPOINT work")
            try:
                work.run(connection)
            except Exception as error:
                if is_fault_of_file(error):
                    raise
                connection.exec_driver_sql("ROLLBACK TO work")
                work.fail(self._own(error))
            connection.exec_driver_sql("RELEASE work")
        self._end(connection)

    def _begin(self, connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        self._custody.admit(connection)

    def _end(self, connection: Connection) -> None:
        connection.commit()
        if not self.is_abandoned:
            self._custody.committed()

    def _own(self, error: Exception) -> Exception:
        if isinstance(error, DriverError):
            return _because(explain(error, self._path), error)
        return error

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._connector.open()
            self._custody.opened(self._connection)
        return self._connection

    def _discard(self) -> None:
        if self._connection is not None:
            discard(self._connection)
            self._connection = None


def _because(error: StorageError, cause: Exception) -> StorageError:
    error.__cause__ = cause
    return error
