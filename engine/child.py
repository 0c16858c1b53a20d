"""One life of a worker process: spawn it, talk to it in frames, see it end.

When one is started, and what its death means, is `keeper`'s business.
"""

import asyncio
import os
import signal
import socket
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path

from engine import frames
from engine.base import Overloaded
from engine.frames import BadFrame, Load, Purpose, Wire
from engine.surroundings import surroundings

STDERR_LINES = 20
CLOSE_TIMEOUT_S = 3.0
MOST_UNSENT_BYTES = frames.HEADER_BYTES + frames.MAX_FRAME_BYTES
"""What waits here for a worker that does not read: one frame as long as frames may be, or more
frames that are shorter."""
ALWAYS_SENT = frozenset({"cancel", "forget"})
"""These pass beyond it: they are short, and about what is in flight already or kept."""
RETRY_AFTER_S = 5.0
PROGRAMS: dict[Purpose, str] = {"answer": "engine.worker", "embed": "engine.embedder"}
_ROOT = Path(__file__).resolve().parent.parent


class Child:
    """A running worker. `Child.spawn` makes one; `close` ends it for certain."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._errors: deque[str] = deque(maxlen=STDERR_LINES)
        self._listening = asyncio.create_task(self._listen(), name=f"worker-{self.pid}-stderr")

    @classmethod
    async def spawn(cls, load: Load) -> "Child":
        """Start a worker and tell it what to load. Raises `OSError`."""
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours)
            try:
                process = await _start(theirs, PROGRAMS[load.purpose])
            except BaseException:
                writer.close()
                raise
        child = cls(process, reader, writer)
        child.send(frames.load_frame(load))
        return child

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def send(self, frame: Wire) -> None:
        """Queue a frame; a worker that is gone does not mind.

        Raises `Overloaded` when too much waits to be read by the worker, and `BadFrame`.
        """
        data = frames.pack(frame)
        unsent_bytes = self._writer.transport.get_write_buffer_size()
        if frame["op"] not in ALWAYS_SENT and unsent_bytes + len(data) > MOST_UNSENT_BYTES:
            raise Overloaded("the model's process does not read what it is sent", RETRY_AFTER_S)
        if not self._writer.is_closing():
            self._writer.write(data)

    async def receive(self) -> Wire | None:
        """The next frame; None when the worker is gone or talks nonsense."""
        try:
            header = await self._reader.readexactly(frames.HEADER_BYTES)
            return frames.unpack(await self._reader.readexactly(frames.body_bytes(header)))
        except (asyncio.IncompleteReadError, ConnectionError, BadFrame):
            return None

    def kill(self) -> None:
        """End it at once."""
        if self._process.returncode is None:
            self._process.kill()

    async def close(self) -> str:
        """See it end, kill it if need be; returns how it ended, in words."""
        self._writer.close()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._process.wait()
        finally:  # also for one who is cancelled while it waits
            self.kill()
            await self._process.wait()
            await self._stop_listening()
        return self._obituary()

    async def _listen(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        while not stderr.at_eof():
            with suppress(ValueError):  # a line without an end is dropped
                line = await stderr.readline()
                self._errors.append(line.decode("utf-8", "replace").strip()[:500])

    async def _stop_listening(self) -> None:
        # The pipe ends with the process, unless a grandchild holds it.
        done, _ = await asyncio.wait([self._listening], timeout=1.0)
        if not done:
            self._listening.cancel()
            await asyncio.wait([self._listening], timeout=1.0)

    def _obituary(self) -> str:
        code = self._process.returncode or 0
        how = f"exit code {code}"
        if code < 0:
            how = _signal_name(-code)
            if -code == signal.SIGKILL:
                how += ", perhaps out of memory"
        last = next((line for line in reversed(self._errors) if line), "")
        return f"{how}: {last}" if last else how


def _signal_name(number: int) -> str:
    """Its name; most real-time signals have none (signal(7))."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


async def _start(theirs: socket.socket, program: str) -> asyncio.subprocess.Process:
    number = theirs.fileno()
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", program, str(number), str(os.getpid()),
        pass_fds=[number],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(),
    )  # fmt: skip


def _environment() -> dict[str, str]:
    """The parent's environment, able to import this package.

    The compute threads wait for one another hundreds of times a step. By default they spin, and on
    a machine that does anything else, the one that spins keeps the other from running: a step of 50
    ms then takes 600. So they sleep soon, unless the environment says otherwise.
    """
    kept = surroundings()
    paths = [str(_ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    return {"GOMP_SPINCOUNT": "1000", **kept, "PYTHONPATH": os.pathsep.join(paths)}
