"""The async face of one SQLite file: what others hand over as functions runs here.

Opening takes ownership of the file and brings it up to date. Writes go to the writer's thread in
the order they were asked for; those asked for in one tick of the event loop share a transaction.
The queue is bounded: when it is full, `write` waits until there is room. A file that failed, by a
full disk say, is opened anew for the next write, so it recovers by itself.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

import structlog
from sqlalchemy import Connection

from storage.connection import Connector, discard
from storage.custody import Custody, Sole
from storage.directory import make_directory
from storage.faults import DriverError, explain
from storage.filesystem import admit, verdict_of
from storage.index import build_index, lacks_index
from storage.job import Job
from storage.key import Key
from storage.pragmas import Pragmas
from storage.probe import is_full
from storage.readers import Readers
from storage.records import StorageError, Unavailable
from storage.schema import prepare
from storage.threads import detached
from storage.writer import Work, Writer

log = structlog.get_logger(__name__)

T = TypeVar("T")

QUEUE_SIZE = 1024
"""Writes that may wait at once; whoever asks for one more waits for room."""

LEAVE_S = 4.0
"""How long letting go of a file may take that is not on a disk of this machine."""

CHECKPOINT_PATIENCE_MS = 250
"""How long emptying the log waits for a reader, and so holds up the writer."""


class _Settled(Work, Protocol):
    def settle(self) -> None: ...

    def give_up(self, error: Exception) -> None: ...


class Database:
    """The file at `path`, owned from entering to leaving.

    Entering raises `Unavailable`, `Full`, `Corrupt` (foreign, damaged or newer), `WrongKey` or
    `Fenced` (owned or leased by another process); `Unavailable` also for an unsafe file system,
    unless `accept_risk` are the verdict's own words. `observe(writes, seconds)` is told of each
    commit. `custody` says under what it is held and written; `pragmas` are those of its file system
    if not given. With a `key` it is encrypted.
    """

    def __init__(
        self,
        path: Path,
        *,
        observe: Callable[[int, float], None] | None = None,
        custody: Custody | None = None,
        pragmas: Pragmas | None = None,
        accept_risk: str = "",
        key: Key | None = None,
    ) -> None:
        self.path = path
        self.key = key
        self.verdict = verdict_of(path)
        self._accept_risk = accept_risk
        self._observe = observe
        self._custody = custody or Sole()
        self._held = ExitStack()
        self._pragmas = pragmas or self.verdict.pragmas
        self._connector = Connector(path, self._pragmas, key)
        self._readers = Readers(path, self._connector, self._pragmas.readers)
        self._writer: Writer[_Settled] = Writer(
            path, self._connector, self._custody, self._done, self._is_full
        )
        self._room = asyncio.Semaphore(QUEUE_SIZE)
        self._gathered: list[_Settled] = []
        self._unsettled: set[_Settled] = set()
        self._is_open = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await detached(self._open, undo=self._give_back)
        self._writer.start()
        self._is_open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def write(self, op: Callable[[Connection], T]) -> T:
        """The result of `op`, once it is on disk.

        `op` runs in the writer's thread inside a transaction that it neither begins nor ends, and
        may be run again after a roll-back: it must have no other effect. When it raises, it fails
        alone. Raises `StorageError`, or what `op` raised; a `StorageError` can hide a commit that
        happened, so `op` must be safe to repeat. Cancelling the wait does not cancel the write.
        """
        await self._room.acquire()
        if not self._is_open:
            self._room.release()
            raise Unavailable(f"{self.path}: the database is closed")
        job = Job(op, self._loop.create_future())
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append(job)
        self._unsettled.add(job)
        return await job.future

    async def read(self, query: Callable[[Connection], T]) -> T:
        """The result of `query`, which runs beside the writer and can't change anything.

        One statement sees one state of the database; several do within `connection.snapshot`.
        Raises `StorageError`, or what `query` raised.
        """
        if not self._is_open:
            raise Unavailable(f"{self.path}: the database is closed")
        return await self._readers.read(query)

    async def writable(self) -> bool:
        """True once a tiny write is on disk. Raises `StorageError` when it can't be."""
        await self.write(_touch)
        return True

    def assert_held(self) -> None:
        """Raises `Fenced` when the file may be another's by now, who acts on what is in it."""
        self._custody.assert_held()

    async def checkpoint(self) -> bool:
        """Move the log into the file and empty it, so that erased text is gone from both.

        False when a long read, such as a backup, still needs the log: try again after it.
        """
        return await self._readers.read(partial(_checkpoint, self._pragmas.busy_timeout_ms))

    async def close(self) -> None:
        """Write what is queued, then let go of the file.

        What hangs in a mount is left behind, and takes no effect should it come to itself again but
        for the commit that it is in.
        """
        if not self._is_open:
            return
        self._is_open = False
        self._hand_over()
        try:
            async with asyncio.timeout(None if self.verdict.is_disk else LEAVE_S):
                await detached(self._let_go)
        except TimeoutError:
            log.warning("the mount hangs; the database is left as it is", path=str(self.path))
        finally:
            self._leave()

    def _open(self) -> None:
        self.verdict = admit(self.path, self._accept_risk)
        _make(self.path)
        with ExitStack() as stack:
            stack.enter_context(self._custody.hold(self.path))
            try:
                connection = self._connector.open()
                try:
                    self._custody.claim(connection)
                    prepare(connection, self.path, self._custody.admit)
                    self._custody.claim(connection)  # if the file had no place for it before
                    _index(connection, self._custody.admit)
                    self._custody.committed()
                finally:
                    discard(connection)
            except DriverError as error:
                raise explain(error, self.path) from error
            self._held = stack.pop_all()

    def _let_go(self) -> None:
        if not self.verdict.is_disk:
            _wait_for_mount(self.path)
        self._writer.stop()
        self._readers.close()
        if not self._writer.is_abandoned:
            self._release()
        self._held.close()

    def _give_back(self) -> None:
        """What was opened when nobody waited for it any more."""
        self._release()
        self._held.close()

    def _leave(self) -> None:
        """Whoever still waits for a write waits in vain."""
        self._writer.abandon()
        for job in self._unsettled:
            job.give_up(Unavailable(f"{self.path}: its file system does not answer"))
        self._settle(tuple(self._unsettled), committed=False, seconds=0)

    def _is_full(self, path: Path) -> bool:
        """A disk of this machine says by itself that it is."""
        return not self.verdict.is_disk and is_full(path)

    def _release(self) -> None:
        with suppress(StorageError, *DriverError):  # what is not given back can still be taken
            self._custody.release(self._connector)

    def _hand_over(self) -> None:
        if self._gathered:
            self._writer.submit(self._gathered)
            self._gathered = []

    def _done(self, jobs: Sequence["_Settled"], committed: bool, seconds: float) -> None:
        """Called by the writer's thread: one wake-up of the loop for all of them."""
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(self._settle, jobs, committed, seconds)

    def _settle(self, jobs: Sequence["_Settled"], committed: bool, seconds: float) -> None:
        for job in jobs:
            self._unsettled.discard(job)
            self._room.release()
            job.settle()
        if committed and self._observe is not None:
            self._observe(len(jobs), seconds)


def _make(path: Path) -> None:
    """The directory, for its owner only, and an empty file, if they don't exist."""
    try:
        make_directory(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Unavailable(
            f"{path}: it can't be opened for writing ({error.strerror}); make the file and its"
            " directory writable for this user, or name another in storage.path"
        ) from error


def _wait_for_mount(path: Path) -> None:
    """Return when the file system answers: closing a connection to a file there would wait for that
    too, and hold the interpreter meanwhile, which asking how much is free does not."""
    with suppress(OSError):
        os.statvfs(path.parent)


def _index(connection: Connection, admit: Callable[[Connection], None]) -> None:
    """A file that was a copy comes without its index."""
    if lacks_index(connection):
        connection.rollback()
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        admit(connection)
        build_index(connection)
        connection.commit()
    connection.rollback()


def _touch(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA user_version = 1")


def _checkpoint(busy_timeout_ms: int, connection: Connection) -> bool:
    """Wait for readers only shortly, for writers wait in the meantime."""
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {CHECKPOINT_PATIENCE_MS}")
    try:
        busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {busy_timeout_ms}")
        connection.rollback()
    return not busy
