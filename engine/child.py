"""One life of a worker process: spawn it, talk to it in frames, see it end.

What its death means for the requests in flight is `client`'s business.
"""

import asyncio
import os
import signal
import socket
import sys
from collections import deque
from pathlib import Path

from engine import frames
from engine.frames import BadFrame, Load, Purpose, Wire
from engine.surroundings import surroundings

STDERR_LINES = 20
CLOSE_TIMEOUT_S = 3.0
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
        """Queue a frame; a worker that is gone does not mind."""
        if not self._writer.is_closing():
            self._writer.write(frames.pack(frame))

    async def drained(self) -> None:
        """Wait while too much is queued. Raises `ConnectionError`."""
        await self._writer.drain()

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
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
        finally:
            await self._stop_listening()
        return self._obituary()

    async def _listen(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        try:
            async for line in stderr:
                self._errors.append(line.decode("utf-8", "replace").strip()[:500])
        except ValueError:
            # A line without an end; what was read before it is kept.
            return

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
            how = signal.Signals(-code).name
            if -code == signal.SIGKILL:
                how += ", perhaps out of memory"
        last = next((line for line in reversed(self._errors) if line), "")
        return f"{how}: {last}" if last else how


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
