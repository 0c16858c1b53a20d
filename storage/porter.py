"""The porter: a process that does one thing in a directory which may be on a NAS, and may be killed
when its mount hangs (`depot.py`).

`python -m storage.porter` speaks as `attendant.py` says. A file gets its name only when all of it
is on the disk there and was read back.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from select import select
from typing import Any

from storage.directory import make_directory, sync
from storage.records import Corrupt, StorageError

CHUNK = 1 << 20
PART = ".{}.part"
"""The name of a file on its way to its own."""


def carry(source: Path, target: Path, progress: Callable[[int], None]) -> None:
    """Copy a file, in this process. Raises `OSError`; `Corrupt` for what reads otherwise."""
    make_directory(target.parent)
    temporary = target.with_name(PART.format(target.name))
    try:
        written = _write(source, temporary, progress)
        if written != _digest(temporary, progress):
            raise Corrupt(f"{temporary}: what was written is read otherwise; check its disk")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_directory(target.parent)


def _write(source: Path, target: Path, progress: Callable[[int], None]) -> bytes:
    digest, done = hashlib.sha256(), 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with source.open("rb") as coming, os.fdopen(descriptor, "wb") as going:
        while chunk := coming.read(CHUNK):
            digest.update(chunk)
            going.write(chunk)
            done += len(chunk)
            progress(done)
        going.flush()
        os.fsync(going.fileno())
    return digest.digest()


def sha256(path: Path, progress: Callable[[int], None] = lambda _: None) -> str:
    """What `depot.digest` tells, found in this process. Raises `OSError`."""
    if not path.exists() or not path.stat().st_size:
        return ""
    return _digest(path, progress).hex()


def _digest(path: Path, progress: Callable[[int], None]) -> bytes:
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # ask the disk, not memory
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            progress(done)
    return digest.digest()


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _do(request: Mapping[str, Any]) -> dict[str, object]:
    match request["do"]:
        case "put":
            target = Path(request["target"])
            if request["beside"]:
                target.with_name(request["beside"]).stat()
            carry(Path(request["source"]), target, _report)
            return {}
        case "names":
            return {"names": _names(Path(request["directory"]))}
        case "mark":
            path = Path(request["path"])
            make_directory(path.parent)
            path.touch(mode=0o600)
            _sync_directory(path.parent)
            return {}
        case "digest":
            return {"sha256": sha256(Path(request["source"]), _report)}
        case "is_same":
            return {"is_same": _is_same(Path(request["source"]), Path(request["other"]))}
        case _:
            paths = [Path(path) for path in request["paths"]]
            for path in paths:
                path.unlink(missing_ok=True)
            for parent in {path.parent for path in paths}:
                sync(parent)
            return {}


def _names(directory: Path) -> list[str] | None:
    with suppress(FileNotFoundError):
        return sorted(each.name for each in directory.iterdir() if each.is_file())
    return None


def _is_same(path: Path, other: Path) -> bool:
    with suppress(FileNotFoundError, NotADirectoryError):
        return path.samefile(other)
    return False


def _report(done: int) -> None:
    """Raises `BrokenPipeError` once nobody waits for the outcome, which is when the input ends."""
    if select([sys.stdin], [], [], 0)[0]:
        raise BrokenPipeError
    _say({"progress": done})


def _say(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _outcome(request: Mapping[str, Any]) -> Mapping[str, object]:
    try:
        return _do(request)
    except BrokenPipeError:
        raise
    except StorageError as error:
        fault = error
    except OSError as error:
        from storage.faults import explain_os  # slow to import, and seldom needed

        fault = explain_os(error, Path(str(error.filename or request.get("target"))))
    return {"fault": type(fault).__name__, "text": str(fault)}


def main() -> None:
    """Serve until the input ends; nothing has to be known to begin."""
    sys.stdin.readline()
    _say({"progress": 0})
    for line in sys.stdin:
        _say(_outcome(json.loads(line)))


if __name__ == "__main__":
    with suppress(BrokenPipeError, KeyboardInterrupt):  # nobody is there any more to be told
        main()
