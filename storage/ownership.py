"""One process owns the file, or several share it under a lease: a lock beside it, held for as long
as the process lives.

The kernel drops the lock when its holder dies, however it dies. The lock file stays: removing it
would let two processes hold locks on two files of the same name.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from storage.records import Fenced, Unavailable


class Ownership:
    """The lock on `<path>.lock`, taken on entering. Two in one process exclude each other too.

    A `shared` one only excludes owners.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self._path = path
        self._mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._lock = path.with_name(path.name + ".lock")
        self._descriptor: int | None = None

    def __enter__(self) -> "Ownership":
        """Raises `Fenced` when another has it, `Unavailable` when the lock file can't be made."""
        try:
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable(
                f"{self._lock}: the lock can't be made ({error.strerror}); the directory must"
                " exist and be writable for this user"
            ) from error
        try:
            self._take(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            with suppress(OSError):  # it is closed all the same; a mount may say what it lost
                os.close(self._descriptor)
            self._descriptor = None

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, self._mode | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise Fenced(
                f"{self._path}: another Parley owns it (process {holder}); stop that one, or name"
                " another file in storage.path"
            ) from error
        except OSError as error:
            raise Unavailable(
                f"{self._lock}: the file can't be locked ({error.strerror}); put the database on a"
                " file system with locks"
            ) from error
        if self._mode == fcntl.LOCK_SH:
            return
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
