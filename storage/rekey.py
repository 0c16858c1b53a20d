"""Gives a file another key, its first, or none: by a new file, held against it, in its place.

Until the new file was checked and takes the name in one step, the old one stays in its place as it
is. So whoever is interrupted, wherever, has one of the two, whole; doing it again finishes it.
SQLCipher's own export copies (zetetic.net/sqlcipher/sqlcipher-api, "sqlcipher_export()").
"""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from storage.connection import Connector, discard, raw
from storage.faults import DriverError, explain, explain_os
from storage.header import PAGE_BYTES, Look, look_of
from storage.inspection import Chained, counts, problems, size_bytes
from storage.key import Key, Keyring
from storage.ownership import Ownership
from storage.pragmas import ALONE
from storage.records import Corrupt, Full, WrongKey
from storage.schema import prepare

OPERATIONS = 100
"""Of SQLite's machine, between two reports of progress; a row of a table takes about five."""

Progress = Callable[[int, int], None]
"""Told how many of how many steps are done, a step a page; all once the new file is in place."""

AFTER = 2
"""Steps after the pages: the check, and taking the name."""


def silence(_done: int, _total: int) -> None:
    """No progress is asked for."""


def rekey(path: Path, keys: Keyring, audit: Chained, progress: Progress = silence) -> bool:
    """Bring a database under the key in force; false if it already is.

    Raises `Fenced` while a bot owns the file, `WrongKey` when no key opens it, `Corrupt` when it or
    the copy is damaged, `Full` and `Unavailable`. Then everything is as it was.
    """
    with Ownership(path):
        return rekey_copy(path, keys, audit, progress)


def rekey_copy(path: Path, keys: Keyring, audit: Chained, progress: Progress = silence) -> bool:
    """The same for a file that no bot opens, such as a backup."""
    part = path.with_name(f".{path.name}.rekey")
    try:
        key = key_of(path, keys)
        if key == keys.current:
            return False
        _make(part, path.stat().st_size)
        with _open(path, key) as source:
            prepare(source, path)
            _clear(source)
            _copy(source, part, keys.current, progress)
            pages = size_bytes(source) // PAGE_BYTES
            progress(pages, pages + AFTER)
            _compare(source, part, keys.current, audit)
        progress(pages + 1, pages + AFTER)
        _replace(part, path)
        progress(pages + AFTER, pages + AFTER)
    except DriverError as error:
        raise explain(error, path) from error
    except OSError as error:
        raise explain_os(error, part) from error
    finally:
        part.unlink(missing_ok=True)
    return True


def key_of(path: Path, keys: Keyring) -> Key | None:
    """The key that opens a file nobody has open; None for a readable one.

    Raises `WrongKey`, `Corrupt` for what is no database, `OSError`, and what opening a file raises.
    """
    with path.open("rb") as file:
        look = look_of(file.read(PAGE_BYTES))
    if look is Look.EMPTY:
        return keys.current
    if look is Look.READABLE:
        return None
    for key in keys.all:
        try:
            with _open(path, key):
                return key
        except WrongKey:
            continue
    if look is Look.FOREIGN:
        raise Corrupt(f"{path}: it is not a database; name another file in storage.path")
    raise WrongKey(
        f"{path}: it is encrypted, and none of the {len(keys.all)} keys in the configuration opens"
        " it; put the key that it was written with on a line below the new one"
    )


@contextmanager
def _open(path: Path, key: Key | None) -> Generator[Connection]:
    """A connection that leaves nothing beside the file: what a log held is in it, then."""
    connection = Connector(path, ALONE, key).open()
    try:
        yield connection
    finally:
        discard(connection)


def _clear(source: Connection) -> None:
    """Take away a journal that another mode left there: what it holds has the old key, or none."""
    for mode in ("persist", "delete"):
        source.exec_driver_sql(f"PRAGMA journal_mode = {mode}")


def _make(part: Path, size_bytes: int) -> None:
    """An empty file; raises `OSError`, and `Full` while that is still cheap to find out."""
    part.unlink(missing_ok=True)
    space = os.statvfs(part.parent)
    if space.f_bavail * space.f_frsize < size_bytes:
        raise Full(
            f"{part}: the new file needs {size_bytes >> 20:,} MiB beside the old one; make room"
        )
    os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _copy(source: Connection, part: Path, key: Key | None, progress: Progress) -> None:
    pages = size_bytes(source) // PAGE_BYTES

    def report() -> None:
        progress(min(part.stat().st_size // PAGE_BYTES, pages), pages + AFTER)

    connection = raw(source)
    connection.execute("ATTACH ? AS part KEY ?", (str(part.absolute()), key.literal if key else ""))
    # Nobody has this file before it was checked and synced.
    connection.execute("PRAGMA part.journal_mode = off")
    connection.execute("PRAGMA part.synchronous = off")
    connection.set_progress_handler(report, OPERATIONS)
    try:
        connection.execute("SELECT sqlcipher_export('part')").fetchall()
    except DriverError:  # it names no cause, so the likeliest one is looked for
        if found := problems(source):
            raise Corrupt(
                f"{part}: the old file has faults ({found[0]}); restore a backup"
            ) from None
        raise
    finally:
        connection.set_progress_handler(None, 0)
    for mark in ("application_id", "user_version"):
        (value,) = connection.execute(f"PRAGMA main.{mark}").fetchone()
        connection.execute(f"PRAGMA part.{mark} = {value}")
    connection.execute("DETACH part")


def _compare(source: Connection, part: Path, key: Key | None, audit: Chained) -> None:
    """Raises `Corrupt` unless the copy is sound and holds the same."""
    with _open(part, key) as copy:
        found = problems(copy)
        if not found and counts(copy) != counts(source):
            found = ["it has not as many rows"]
        if not found and audit.faults(copy) != audit.faults(source):
            found = ["its audit is another"]
    if found:
        raise Corrupt(f"{part}: the copy has faults ({found[0]}); check both disks")


def _replace(part: Path, path: Path) -> None:
    """Raises `OSError`. The old file has no log or journal left, which would spoil the new one."""
    for each in (part, path.parent):
        descriptor = os.open(each, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if each is part:
            part.replace(path)
