"""What a mount does under a test: locks between two processes, the time of an fsync, free space.

All of it happens in a child process, for a mount that hangs would hold whoever touches it. Run as
a program (`python -m storage.probe`), it is that child.
"""

import errno
import fcntl
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from storage.records import Full, StorageError, Unavailable

PATIENCE_S = 20.0
"""After this a mount counts as hanging; a server's own pause after its restart may be longer."""
FULL_PATIENCE_S = 5.0
"""The same where only one question is open, and somebody waits for the answer."""
SYNCS = 5
PREFIX = ".parley-probe-"
LEFT_S = 3600.0
"""A file of a probe that is so old was left by one that was killed."""
PAGE = b"\0" * 4096
FIRST, COUNT = 0x40000002, 510
"""The bytes that SQLite's SHARED lock is on, sqlite.org/fileformat2.html, "The Lock-Byte Page"."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found. `fault` is empty where locks work; `has_log`: a `-wal` lies beside it."""

    free_bytes: int
    free_files: int
    fsync_ms: float
    has_log: bool
    fault: str = ""


def measure(path: Path, patience_s: float = PATIENCE_S) -> Measured:
    """Try the directory of `path`.

    Raises `Unavailable` when it hangs or fails, `Full` when no space or quota is left.
    """
    command = [sys.executable, "-m", "storage.probe", str(path.absolute())]
    child = subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[1]
    )
    try:
        said, _ = child.communicate(timeout=patience_s)
    except subprocess.TimeoutExpired:
        _give_up(child)
        raise Unavailable(
            f"{path}: its mount has not answered for {patience_s:.0f} s; look at the server and"
            " the network"
        ) from None
    except BaseException:
        _give_up(child)
        raise
    return _understood(path, json.loads(said or b'{"errno": 0}'))


def is_full(path: Path, measure: Callable[[Path, float], object] = measure) -> bool:
    """Whether nothing can be written beside `path` for want of space; asked of another process."""
    try:
        measure(path, FULL_PATIENCE_S)
    except Full:
        return True
    except StorageError:
        return False
    return False


def is_full_here(path: Path) -> bool:
    """The same within this process, which a mount that hangs will hold."""
    return is_full(path, lambda path, _: measure_here(path))


def touch(directory: Path, patience_s: float = PATIENCE_S) -> None:
    """Look at a directory, whatever comes of it, in a process that a mount may hold."""
    command = [sys.executable, "-I", "-S", "-c", "import os, sys; os.stat(sys.argv[1])"]
    child = subprocess.Popen(  # noqa: S603
        [*command, str(directory.absolute())], stderr=subprocess.DEVNULL
    )
    try:
        child.wait(patience_s)
    except subprocess.TimeoutExpired:
        _give_up(child)


def measure_here(path: Path) -> Measured:
    """The same within this process, which a mount that hangs will hold."""
    try:
        return _try(path)
    except OSError as error:
        raise _failed(path, error.errno) from error


def _give_up(child: subprocess.Popen[bytes]) -> None:
    """Kill it, and wait only shortly: some mounts let go of a process only when they answer."""
    child.kill()
    with suppress(subprocess.TimeoutExpired):
        child.wait(1)
    if child.stdout is not None:
        child.stdout.close()


def _understood(path: Path, said: dict[str, int]) -> Measured:
    if "errno" in said:
        raise _failed(path, said["errno"])
    return Measured(**said)  # type: ignore[reportArgumentType]


def _failed(path: Path, number: int | None) -> StorageError:
    if number in {errno.ENOSPC, errno.EDQUOT}:
        return Full(f"{path}: no space or no quota is left there; make room, or raise the quota")
    why = os.strerror(number) if number else "the probe ended early"
    return Unavailable(f"{path}: its directory can't be used ({why}); make it, or mend its mount")


def _try(path: Path) -> Measured:
    place = path.parent
    while not place.exists():
        place = place.parent
    space = os.statvfs(place)
    with tempfile.NamedTemporaryFile(dir=place, prefix=PREFIX) as file:
        elapsed = [_sync(file.fileno()) for _ in range(SYNCS)]
        fault = _lock_fault(file.name, file.fileno())
        _clear(place, os.fstat(file.fileno()).st_mtime - LEFT_S)
    return Measured(
        free_bytes=space.f_bavail * space.f_frsize,
        free_files=space.f_favail,
        fsync_ms=round(statistics.median(elapsed) * 1000, 3),
        has_log=path.with_name(path.name + "-wal").exists(),
        fault=fault,
    )


def _clear(place: Path, before: float) -> None:
    for left in place.glob(f"{PREFIX}*"):
        with suppress(FileNotFoundError):
            if left.stat().st_mtime < before:
                left.unlink()


def _sync(file: int) -> float:
    started = perf_counter()
    os.pwrite(file, PAGE, 0)
    os.fsync(file)
    return perf_counter() - started


def _lock_fault(name: str, file: int) -> str:
    """What is wrong with locks between this process and another; empty when nothing is."""
    share, own = fcntl.LOCK_SH, fcntl.LOCK_EX
    if not _lock(file, share):
        return "locks are not supported there"
    if _granted(name, share, own) != 1:
        return "a shared lock does not keep another process from writing"
    if not _lock(file, own):
        return "a shared lock can't become exclusive there"
    if _granted(name, share) != 0:
        return "an exclusive lock does not keep another process from reading"
    fcntl.lockf(file, fcntl.LOCK_UN, COUNT, FIRST)
    if _granted(name, own) != 1:
        return "a lock that was given back is not free"
    return ""


def _granted(name: str, *kinds: int) -> int:
    """How many of the locks another process gets, one after the other."""
    child = os.fork()
    if child == 0:
        file = os.open(name, os.O_RDWR)
        os._exit(sum(_lock(file, kind) for kind in kinds))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _lock(file: int, kind: int) -> bool:
    try:
        fcntl.lockf(file, kind | fcntl.LOCK_NB, COUNT, FIRST)
    except OSError:
        return False
    return True


def main(path: str) -> None:
    """Print what was found, as one line."""
    try:
        found = json.dumps(asdict(_try(Path(path))))
    except OSError as error:
        found = json.dumps({"errno": error.errno})
    sys.stdout.write(found + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
