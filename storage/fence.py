"""Keeps a machine that lost its locks on a shared file from leaving a journal there.

The kernel's client of an NFS server refuses what is written to a file whose lock it lost, as after
a partition. SQLite locks the database and not the journal beside it: a machine that comes back
would still write the one it had begun, and whoever opens the file next would roll back by it what
another has committed since. So each transaction locks its journal too, then asks the server for a
page of the database: the answer proves that the transaction's own lock was there until then, and
from then on both go together.

Locks are fcntl(2)'s, the process's own. Closing any descriptor of a file ends its locks: SQLite
closes the journal at the end of each transaction, and the database is closed here last.
"""

import fcntl
import mmap
import os
from contextlib import suppress
from pathlib import Path

from storage.faults import explain_os
from storage.header import PAGE_BYTES


class Fence:
    """For one process and the file at `path`, as long as that is open there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._journal = path.with_name(f"{path.name}-journal")
        self._descriptors: dict[Path, int] = {}
        self._page = mmap.mmap(-1, PAGE_BYTES)

    def hold(self) -> None:
        """To be called in a transaction that may write and has not yet. Raises `StorageError`."""
        try:
            journal = self._opened(self._journal, os.O_RDWR | os.O_CREAT)
            fcntl.lockf(journal, fcntl.LOCK_UN)  # one that was lost is not renewed
            fcntl.lockf(journal, fcntl.LOCK_SH | fcntl.LOCK_NB)
            os.preadv(self._opened(self._path, os.O_RDONLY), [self._page], 0)
        except OSError as error:
            raise explain_os(error, self._path) from error

    def close(self) -> None:
        """To be called when nobody has the file open: whoever has it would lose its locks."""
        for path in tuple(self._descriptors):
            self._close(path)

    def _opened(self, path: Path, flags: int) -> int:
        """A descriptor of what is there now by that name."""
        found = self._descriptors.get(path)
        if found is not None and not _is_at(found, path):
            self._close(path)
            found = None
        if found is None:
            found = self._descriptors[path] = _open(path, flags | os.O_CLOEXEC)
        return found

    def _close(self, path: Path) -> None:
        with suppress(OSError):  # it is closed all the same; a mount may say what it lost
            os.close(self._descriptors.pop(path))


def _open(path: Path, flags: int) -> int:
    """Unbuffered where that can be, so that the server is asked and no cache."""
    try:
        return os.open(path, flags | os.O_DIRECT, 0o600)
    except OSError:
        return os.open(path, flags, 0o600)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:  # it is gone, for good as far as this descriptor goes
        return False
