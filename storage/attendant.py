"""A process of storage's that does what it is asked: one request at a time, an answer in time or it
dies.

A mount that hangs shows as silence. A process that hangs in the kernel may outlive being killed;
no other is started before it is gone, for it still holds what it held. That is nothing of ours: it
has a standard error of its own, or whoever reads ours to its end would wait for the mount.

The process reads one JSON line that begins it and one for each request, and writes
`{"progress": n}` once it is up and as it goes, then one line with the outcome.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from storage import records
from storage.records import Silent, StorageError, Unavailable

START_S = 60.0
"""How long a busy machine may take to start a process: that is no file system's silence."""
MOST_PATIENCE = 12
"""So many times the usual silence is waited out in the end, twice as long after each in vain: a
slow disk that takes a large backlog in one commit is silent too, and would never get it done."""
RETRIED = "it is tried again by itself"
_ROOT = Path(__file__).resolve().parent.parent
_CLOSE_S = 2.0
_MOST_WAITS = 30
_FAULTS: dict[str, type[StorageError]] = {
    kind.__name__: kind
    for kind in (
        records.Corrupt,
        records.Fenced,
        records.Full,
        records.Unavailable,
        records.WrongKey,
    )
}


class Attendant:
    """Runs `program`, begun with these words, when there is something to ask; leaving ends it.

    `path` is what it works on, and `remedy` what becomes of silence, for people to read.
    """

    def __init__(
        self,
        program: str,
        words: Mapping[str, object],
        path: Path,
        silence_s: float,
        start_s: float = START_S,
        remedy: str = RETRIED,
    ) -> None:
        self._program = program
        self._words = words
        self._path = path
        self._silence_s = self._patience_s = silence_s
        self._start_s = start_s
        self._remedy = remedy
        self._process: Process | None = None
        self._is_up = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if (process := self._process) is not None:
            assert process.stdin
            try:
                if not process.stdin.is_closing():
                    process.stdin.close()
                    await _ended(process)
            finally:  # whoever is cancelled meanwhile leaves no process behind
                await self.end()

    @property
    def hangs(self) -> bool:
        """Whether a process was left behind that can't end yet."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """The process's id, if one runs."""
        return self._process.pid if self._process else None

    async def ask(self, do: str, **request: object) -> Mapping[str, Any]:
        """The answer. Raises `StorageError`; `Silent` when there is none in time."""
        process = await self._running()
        try:
            answer = await self._exchange(process, {"do": do, **request})
            self._patience_s = self._silence_s
            return result(answer)
        except (TimeoutError, ConnectionError, EOFError) as error:
            if isinstance(error, TimeoutError):
                self._patience_s = min(self._patience_s * 2, self._silence_s * MOST_PATIENCE)
            await self.kill()
            kind = Silent if isinstance(error, TimeoutError) else Unavailable
            raise kind(f"{self._path}: {await self._fault(error)}; {self._remedy}") from error
        except asyncio.CancelledError:  # its answer would be taken for that of the next request
            self._strike()
            raise

    async def _fault(self, error: Exception) -> str:
        """What is wrong: the file system is silent, or else the process's last words."""
        assert self._process
        assert self._process.stderr
        if not isinstance(error, TimeoutError) and self._process.returncode is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    said = (await self._process.stderr.read()).decode(errors="replace").split("\n")
                    return f"what works on it ended: {next(filter(None, reversed(said)), 'killed')}"
        return f"its file system does not answer ({type(error).__name__})"

    async def _exchange(self, process: Process, request: Mapping[str, object]) -> Any:
        assert process.stdin
        process.stdin.write(_line(request))
        await process.stdin.drain()
        if not self._is_up:
            await self._receive(process, self._start_s)
            self._is_up = True
        while "progress" in (answer := await self._receive(process, self._patience_s)):
            pass
        return answer

    async def _receive(self, process: Process, silence_s: float) -> dict[str, Any]:
        assert process.stdout
        async with asyncio.timeout(silence_s):
            line = await process.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return json.loads(line)

    async def _running(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            if self._process is not None:
                _let_go(self._process)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", self._program,
                stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment(),
            )  # fmt: skip
            self._is_up = False
            assert self._process.stdin
            self._process.stdin.write(_line(self._words))
        elif self._process.stdin is None or self._process.stdin.is_closing():
            raise Silent(f"{self._path}: its file system does not answer; {self._remedy}")
        return self._process

    async def kill(self) -> None:
        """End the process, if one runs; one that hangs in the kernel is left to it."""
        if self._process is not None:
            self._strike()
            for _ in range(_MOST_WAITS):  # a busy machine takes its time to end even what is killed
                if await _ended(self._process) or _is_held(self._process.pid):
                    break

    async def end(self) -> None:
        """End the process, if one runs, and keep nothing of it."""
        try:
            await self.kill()
        finally:
            if self._process is not None:
                _let_go(self._process)

    def _strike(self) -> None:
        assert self._process
        assert self._process.stdin
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.stdin.close()


def result(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """A process's answer. Raises the `StorageError` that it tells of."""
    if "fault" in answer:
        raise _FAULTS.get(answer["fault"], StorageError)(answer["text"])
    return answer


def environment() -> dict[str, str]:
    """For a process of storage's: no settings or secrets of ours, and able to import this."""
    kept = {k: value for k, value in os.environ.items() if not k.upper().startswith("PARLEY_")}
    paths = [str(_ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths)}


async def _ended(process: Process) -> bool:
    """Whether it ended, within the time that one on a sound file system needs."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_S):
            await process.wait()
    return process.returncode is not None


def _is_held(pid: int) -> bool:
    """Whether it waits in the kernel where no signal reaches it (`D` in proc_pid_stat(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "D"
    except OSError:
        return False


def _let_go(process: Process) -> None:
    """Close our ends of its pipes now; by itself asyncio does when it has read them to their end,
    which one that hangs never comes to, and has no public way to be told."""
    process._transport.close()  # type: ignore[reportAttributeAccessIssue]


def _line(value: Mapping[str, object]) -> bytes:
    return json.dumps(value).encode() + b"\n"
