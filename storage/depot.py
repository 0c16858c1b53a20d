"""A directory for copies, which may be on a NAS: it is touched only from a process that can be
killed when its mount hangs, a new one for each thing to do (`porter.py`).
"""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from storage.attendant import environment, result
from storage.porter import PART
from storage.records import Unavailable

SILENCE_S = 60.0
"""How long a disk may say nothing about a step, start of the process included."""
_END_S = 2.0


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
    start, end = PART.split("{}")
    is_part = name.startswith(start) and name.endswith(end)
    return name.removeprefix(start).removesuffix(end) if is_part else ""


async def mark(path: Path) -> None:
    """Make an empty file, and its directory."""
    await _ask(path, do="mark", path=str(path))


async def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal; empty for one that is empty or not there."""
    return str((await _ask(path, do="digest", source=str(path)))["sha256"])


async def remove(paths: Sequence[Path]) -> None:
    """Delete files in this order, for good; one that is gone already is no fault."""
    if paths:
        await _ask(paths[0], do="remove", paths=[str(path) for path in paths])


async def rename(source: Path, target: Path) -> None:
    """Give a file another name in its directory; one that is not there is no fault."""
    await _ask(source, do="rename", source=str(source), target=str(target))


async def _ask(where: Path, **request: object) -> Mapping[str, Any]:
    """The outcome. Raises `StorageError`; `Unavailable` when the disk is silent."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "storage.porter", stdin=PIPE, stdout=PIPE, env=environment()
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
