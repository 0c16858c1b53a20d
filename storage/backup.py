"""Checks the file, and copies it while it is in use.

A copy is made on a disk of this machine and checked there: sound, as many rows, the audit's chain
whole. Then `depot` carries it to its place, which may be on a NAS that hangs. It is encrypted as
the database is.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from glob import escape
from pathlib import Path
from tempfile import mkstemp

from sqlalchemy import Connection

from storage import receipts
from storage.beside import remove
from storage.cleaning import clean
from storage.connection import Connector, discard, raw, snapshot
from storage.database import Database
from storage.depot import Depot
from storage.directory import make_directory
from storage.faults import DriverError, explain, explain_os
from storage.inspection import Chained, counts, problems, size_bytes, sound
from storage.key import Key, Keyring
from storage.ledger import Ledger
from storage.pragmas import DIRECT
from storage.records import Check, Corrupt, Receipt, Unavailable
from storage.rekey import rekey_copy
from storage.schema import revision

_COPY = ".copy"
PAGES_A_STEP = 256
"""Pages copied between two reports of progress."""

Progress = Callable[[int, int], None]
"""Told of pages done and pages in all, from another thread."""


def silence(done: int, total: int) -> None:
    """No progress is asked for."""


async def check(db: Database) -> Check:
    """Look for damage in the whole file; a large one takes a while. Raises `StorageError`."""
    return await db.read(_check)


class Copies:
    """Makes copies of a database. `scratch` is a directory on a disk of this machine; copies that
    were made with one of the `former` keys are brought under the database's. Where they go to is
    touched through the `depot` only, and so by no process that can't be killed.
    """

    def __init__(
        self,
        db: Database,
        audit: Chained,
        scratch: Path,
        former: Sequence[Key] = (),
        depot: Depot | None = None,
    ) -> None:
        self._db = db
        self._keys = Keyring(db.key, tuple(former))
        self._audit = audit
        self.ledger = Ledger(db)
        self.scratch = scratch
        self.depot = depot or Depot()

    async def give(self, target: Path, progress: Progress = silence) -> None:
        """Copy the database as it is now to `target`, which is replaced only by a sound copy.

        Raises `Unavailable` or `Full` when a place can't be written, `Corrupt` for a faulty copy.
        """
        if await self.depot.is_same(target, self._db.path):
            raise Unavailable(
                f"{target}: it is the database itself; name another file for the copy"
            )
        async with self.taken(progress) as path:
            await self.depot.put(path, target)

    async def through(self) -> int:
        """The newest erasure that a copy made now knows of."""
        return await self._db.read(receipts.last)

    async def clean(self, path: Path, pending: Sequence[Receipt]) -> int:
        """Take what was erased out of a copy in `scratch`; the newest erasure it knows then."""
        return await asyncio.to_thread(clean, path, self._keys, self._audit, pending)

    async def rekey(self, path: Path, progress: Progress = silence) -> bool:
        """Bring a copy in `scratch` under the database's key; false if it already is."""
        return await asyncio.to_thread(rekey_copy, path, self._keys, self._audit, progress)

    @asynccontextmanager
    async def taken(self, progress: Progress = silence) -> AsyncGenerator[Path]:
        """A checked copy on this machine, which goes when the block ends."""
        path = await asyncio.to_thread(_make, self.scratch, self._db.path.name)
        try:
            await self._db.read(
                lambda connection: copy(connection, path, self._db.key, self._audit, progress)
            )
            yield path
        finally:
            await asyncio.to_thread(remove, path)

    @asynccontextmanager
    async def fetched(self, source: Path) -> AsyncGenerator[Path]:
        """A file of a directory as a copy on this machine, which goes when the block ends."""
        path = await asyncio.to_thread(_make, self.scratch, self._db.path.name)
        try:
            await self.depot.put(source, path)
            yield path
        finally:
            await asyncio.to_thread(remove, path)


def sweep(scratch: Path, name: str) -> None:
    """Delete what runs that were killed left here of the copies of the database of this name, those
    of a restore and a move too; to be called while nobody makes any."""
    for start in (".", ".."):  # two where a copy was about to have another key, or was on its way
        for end in (f".*{_COPY}*", ".restored*", ".moving*"):
            for path in scratch.glob(f"{start}{escape(name)}{end}"):
                with suppress(OSError):  # the next start tries again
                    path.unlink()


def _check(connection: Connection) -> Check:
    with snapshot(connection):
        found = tuple(problems(connection))
        return Check(found, revision(connection) or "", size_bytes(connection))


def _make(scratch: Path, name: str) -> Path:
    """An empty file for a copy, for its owner only. Raises `Unavailable` and `Full`."""
    try:
        make_directory(scratch)
        descriptor, path = mkstemp(_COPY, f".{name}.", scratch)
        os.close(descriptor)
    except OSError as error:
        raise explain_os(error, scratch) from error
    return Path(path)


def copy(
    connection: Connection, path: Path, key: Key | None, audit: Chained, progress: Progress
) -> None:
    """Fill an empty file with the database as it is now, and check it.

    Raises for faults of the copy's file only; those of the database pass as they are.
    """
    with snapshot(connection):
        expected = counts(connection)
        try:
            filled = Connector(path, DIRECT, key).open()
            try:
                _fill(connection, filled, progress)
                sound(filled, path, audit)
                if counts(filled) != expected:
                    raise Corrupt(f"{path}: the copy holds other rows; check both disks")
            finally:
                discard(filled)
        except DriverError as error:
            raise explain(error, path) from error


def _fill(connection: Connection, target: Connection, progress: Progress) -> None:
    raw(connection).backup(
        raw(target),
        pages=PAGES_A_STEP,
        progress=lambda _, remaining, total: progress(total - remaining, total),
    )
    target.exec_driver_sql("PRAGMA journal_mode = delete")
