"""Checks the file, and copies it while it is in use."""

import os
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from storage.connection import connect, raw, snapshot
from storage.database import Database
from storage.driver import driver
from storage.faults import explain
from storage.key import Key
from storage.records import Check, Corrupt, Unavailable
from storage.schema import revision

PAGES_A_STEP = 256
"""Pages copied between two reports of progress."""


async def check(db: Database) -> Check:
    """Look for damage in the whole file; a large one takes a while. Raises `StorageError`."""
    return await db.read(_check)


async def backup(
    db: Database, target: Path, progress: Callable[[int, int], None] | None = None
) -> None:
    """Copy the database as it is now to `target`, which is replaced only by a copy without fault
    and has the database's key.

    `progress(pages done, pages in all)` is called from another thread. Raises `Unavailable` or
    `Full` when the target can't be written, `Corrupt` when the copy has faults.
    """
    await db.read(lambda connection: _backup(connection, db, target, progress or _silence))


def _check(connection: Connection) -> Check:
    with snapshot(connection):
        found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(100)")]
        problems = [] if found == ["ok"] else found
        problems += [
            f"a row of {row[0]} refers to a row of {row[2]} that is not there"
            for row in connection.exec_driver_sql("PRAGMA foreign_key_check")
        ]
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        page_size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        return Check(tuple(problems), revision(connection) or "", pages * page_size)


def _backup(
    connection: Connection, db: Database, target: Path, progress: Callable[[int, int], None]
) -> None:
    if target.exists() and target.samefile(db.path):
        raise Unavailable(f"{target}: it is the database itself; name another file for the copy")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with snapshot(connection):
            _copy(connection, temporary, db.key, progress)
        _sync(temporary)
        temporary.replace(target)
        _sync(target.parent)
    except OSError as error:
        raise Unavailable(
            f"{target}: the copy can't be written ({error.strerror}); name a file in a directory"
            " that is writable for this user"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _copy(
    connection: Connection,
    temporary: Path,
    key: Key | None,
    progress: Callable[[int, int], None],
) -> None:
    """Raises for faults of the copy's file only; those of the database pass as they are."""
    copy = connect(temporary, key)
    try:
        raw(connection).backup(
            copy,
            pages=PAGES_A_STEP,
            progress=lambda _, remaining, total: progress(total - remaining, total),
        )
        copy.execute("PRAGMA journal_mode = delete")
        faults = [str(row[0]) for row in copy.execute("PRAGMA integrity_check(10)")]
    except driver.Error as error:
        raise explain(error, temporary) from error
    finally:
        copy.close()
    if faults != ["ok"]:
        raise Corrupt(f"{temporary}: the copy has faults ({faults[0]}); check both disks")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _silence(done: int, total: int) -> None:
    """No progress is asked for."""
