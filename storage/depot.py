"""A directory for copies, which may be on a NAS: it is touched only from a process that can be
killed when its mount hangs.

`python -m storage.depot` reads one JSON line that says what to do, writes `{"progress": n}` as it
goes and one line with the outcome, and ends. A file gets its name only when all of it is on the
disk there and was read back.
"""

import asyncio
import hashlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from select import select
from typing import Any

from storage.attendant import environment, result
from storage.records import Corrupt, StorageError, Unavailable

CHUNK = 1 << 20
SILENCE_S = 60.0
"""How long a disk may say nothing about a step, start of the process included."""
_END_S = 2.0
_PART = ".{}.part"


async def put(source: Path, target: Path, beside: str = "") -> None:
    """Copy a file under its name in the other place, where it replaces what was there; only where
    a file `beside` it is, if that is named.
    """
    await _ask(target, do="put", source=str(source), target=str(target), beside=beside)


async def names(directory: Path) -> list[str] | None:
    """The names of the files in a directory; None: there is none."""
    return (await _ask(directory, do="names", directory=str(directory)))["names"]


def whose_part(name: str) -> str:
    """The name that the file of this name would have got once it was whole; empty for others."""
    start, end = _PART.split("{}")
    is_part = name.startswith(start) and name.endswith(end)
    return name.removeprefix(start).removesuffix(end) if is_part else ""


async def mark(path: Path) -> None:
    """Make an empty file, and its directory."""
    await _ask(path, do="mark", path=str(path))


async def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal; empty for one that is empty or not there."""
    return str((await _ask(path, do="digest", source=str(path)))["sha256"])


async def remove(paths: Sequence[Path]) -> None:
    """Delete files; one that is gone already is no fault."""
    if paths:
        await _ask(paths[0], do="remove", paths=[str(path) for path in paths])


async def rename(source: Path, target: Path) -> None:
    """Give a file another name in its directory; one that is not there is no fault."""
    await _ask(source, do="rename", source=str(source), target=str(target))


async def _ask(where: Path, **request: object) -> Mapping[str, Any]:
    """The outcome. Raises `StorageError`; `Unavailable` when the disk is silent."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "storage.depot", stdin=PIPE, stdout=PIPE, env=environment()
    )
    try:
        return result(await _exchange(process, request))
    except (TimeoutError, ConnectionError, EOFError) as error:
        raise Unavailable(
            f"{where}: its file system does not answer ({type(error).__name__}); mend its mount"
        ) from error
    finally:
        await _end(process)


async def _exchange(process: Process, request: Mapping[str, object]) -> Mapping[str, Any]:
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(request).encode() + b"\n")
    while True:
        async with asyncio.timeout(SILENCE_S):
            line = await process.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        answer = json.loads(line)
        if "progress" not in answer:
            return answer


async def _end(process: Process) -> None:
    """A process that hangs in the kernel may outlive being killed; nobody waits for it."""
    assert process.stdin
    process.stdin.close()
    if process.returncode is None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await process.wait()
                return
        with suppress(ProcessLookupError):
            process.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await process.wait()


def carry(source: Path, target: Path, progress: Callable[[int], None]) -> None:
    """What `put` does, in this process. Raises `OSError`; `Corrupt` for what reads otherwise."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = target.with_name(_PART.format(target.name))
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
    """What `digest` does, in this process. Raises `OSError`."""
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
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            _sync_directory(path.parent)
            return {}
        case "digest":
            return {"sha256": sha256(Path(request["source"]), _report)}
        case "rename":
            with suppress(FileNotFoundError):
                Path(request["source"]).rename(request["target"])
            return {}
        case _:
            for path in map(Path, request["paths"]):
                path.unlink(missing_ok=True)
            return {}


def _names(directory: Path) -> list[str] | None:
    with suppress(FileNotFoundError):
        return sorted(each.name for each in directory.iterdir() if each.is_file())
    return None


def _report(done: int) -> None:
    """Raises `BrokenPipeError` once nobody waits for the outcome, which is when the input ends."""
    if select([sys.stdin], [], [], 0)[0]:
        raise BrokenPipeError
    _say({"progress": done})


def _say(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Do what the input asks for."""
    request = json.loads(sys.stdin.readline())
    try:
        _say(_do(request))
    except StorageError as error:
        _say({"fault": type(error).__name__, "text": str(error)})
    except OSError as error:
        from storage.faults import explain_os  # slow to import, and seldom needed

        fault = explain_os(error, Path(str(error.filename or request.get("target"))))
        _say({"fault": type(fault).__name__, "text": str(fault)})


if __name__ == "__main__":
    with suppress(BrokenPipeError, KeyboardInterrupt):  # nobody is there any more to be told
        main()
