"""What a fault of the driver means: the one place where its errors become `records`' tree.

The driver's error code decides, never its text; and no text that a person wrote may get into an
error, which is why the engine hides parameters.
"""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from storage.driver import driver
from storage.header import Look
from storage.records import Corrupt, Full, StorageError, Unavailable, WrongKey

T = TypeVar("T")

DriverError = (DBAPIError, driver.Error)
"""What SQLAlchemy and the driver raise; to be caught and handed to `explain`."""

_Meaning = tuple[type[StorageError], str]

_MEANINGS: dict[str, _Meaning] = {
    "SQLITE_FULL": (Full, "no space is left; free some, and it goes on by itself"),
    "SQLITE_IOERR_SHMSIZE": (Full, "no space is left; free some, and it goes on by itself"),
    "SQLITE_READONLY": (
        Unavailable,
        "it is read-only; make the file and its directory writable for this user",
    ),
    "SQLITE_CANTOPEN": (
        Unavailable,
        "it can't be opened; the directory must exist and be writable for this user",
    ),
    "SQLITE_PERM": (Unavailable, "access is denied; make the file writable for this user"),
    "SQLITE_NOTADB": (
        Corrupt,
        "it is not a database; name another file in storage.path or restore a backup",
    ),
    "SQLITE_CORRUPT": (Corrupt, "it is damaged; check the disk, then restore a backup"),
    "SQLITE_BUSY": (Unavailable, "another program has it locked; close that program"),
    "SQLITE_LOCKED": (Unavailable, "another connection has it locked; try again"),
    "SQLITE_PROTOCOL": (Unavailable, "its lock protocol failed; try again"),
    "SQLITE_IOERR": (Unavailable, "reading or writing failed; check the disk and its mount"),
    "SQLITE_NOMEM": (Unavailable, "no memory is left for it"),
    "SQLITE_INTERRUPT": (Unavailable, "the statement was interrupted; try again"),
}


def explain(error: BaseException, path: Path) -> StorageError:
    """The error of `records`' tree for one of `DriverError`: path, fault, remedy, and code."""
    name = _name(error)
    kind, sentence = _meaning(name)
    return kind(f"{path}: {sentence} ({name})")


def is_unreadable(error: BaseException) -> bool:
    """Whether the file's beginning could not be read: no database, or not with this key."""
    return isinstance(error, DriverError) and _name(error) == "SQLITE_NOTADB"


def unreadable(path: Path, look: Look, *, has_key: bool) -> StorageError:
    """The error for a file that looks like this and could not be read, with a key or without."""
    if look is Look.READABLE and has_key:
        return WrongKey(
            f"{path}: it is not encrypted, but there is a key in the configuration; encrypt it with"
            " “parley db rekey”, or take the key away"
        )
    if look is Look.ENCRYPTED and has_key:
        return WrongKey(
            f"{path}: the first key in the configuration is not the one that it is encrypted with;"
            " put the right one back, or, if the key was just changed, leave the former one on the"
            " line below and run “parley db rekey”. If the key is right, the file's beginning is"
            " damaged: restore a backup"
        )
    if look is Look.ENCRYPTED:
        return WrongKey(
            f"{path}: it is encrypted, and the configuration has no key for it; name the file with"
            " its key in storage.key_file. Where storage.encryption is off, “parley db rekey"
            " --plain” makes it readable"
        )
    return Corrupt(
        f"{path}: it is not a database; name another file in storage.path or restore a backup"
        " (SQLITE_NOTADB)"
    )


def explain_os(error: OSError, path: Path) -> StorageError:
    """The error of `records`' tree for one of the operating system's about a file or directory."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Full(f"{path}: no space or no quota is left there; make room, or raise the quota")
    return Unavailable(
        f"{path}: it can't be read or written ({error.strerror}); name a place that this user may"
        " use, or mend its mount"
    )


def may_hide_full(error: BaseException) -> bool:
    """Whether a disk without space may be behind it: a network mount says so late, when SQLite
    takes it for any other failure to write."""
    return isinstance(error, DriverError) and _name(error).startswith("SQLITE_IOERR")


def full(path: Path) -> Full:
    """The error for a share without space."""
    return Full(
        f"{path}: the share is full, or this user's quota on it; make room, or raise the quota"
    )


def is_fault_of_file(error: BaseException) -> bool:
    """Whether the file or its disk failed, so that the connection can't be trusted any more.

    Anything else, such as a constraint, is the fault of the one statement.
    """
    return isinstance(error, DriverError) and _meaning(_name(error))[0] is not StorageError


def doubting(attempt: Callable[[], T]) -> T:
    """The attempt's result; it is made once more when damage is said, with a fresh connection.

    A connection that met a full disk or a lost write may call a file damaged that is sound. So an
    attempt has to let go of a connection whose file failed, and to be safe to repeat.
    """
    try:
        return attempt()
    except DriverError as error:
        if _meaning(_name(error))[0] is not Corrupt:
            raise
    return attempt()


def _name(error: BaseException) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(cause, "sqlite_errorname", type(cause).__name__))


def _meaning(name: str) -> _Meaning:
    primary = "_".join(name.split("_")[:2])
    unknown = (StorageError, "the database refused a statement")
    return _MEANINGS.get(name) or _MEANINGS.get(primary) or unknown
