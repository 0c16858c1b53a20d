"""The bot as a person starts it: `parley run` in a process of its own."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_S = 300
IN_USE = "is in use by another program"


@dataclass(slots=True)
class BotProcess:
    """`parley run` in `directory`, with settings as environment variables."""

    directory: Path
    settings: dict[str, str]
    process: asyncio.subprocess.Process | None = None
    link: str = ""
    output: list[str] = field(default_factory=list[str])
    _log: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it and wait for the screen that says where it is.

        Another program may have its port for a moment: then it is started again.
        """
        async with asyncio.timeout(START_S):
            while not await self._started():
                await asyncio.sleep(0.2)

    async def _started(self) -> bool:
        before = len(self.output)
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot.cli",
            "run",
            cwd=self.directory,
            env=environment() | self.settings,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self.process.stderr
        self._log = asyncio.create_task(self._keep(self.process.stderr))
        try:
            await self._read_screen()
        except RuntimeError:
            await self._ended()
            if not any(IN_USE in line for line in self.output[before:]):
                raise
            return False
        return True

    async def kill(self) -> None:
        """kill -9."""
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        await self._ended()

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process
        if self.process.returncode is None:
            self.process.terminate()
        return await self._ended()

    async def _ended(self) -> int:
        assert self.process
        assert self._log
        async with asyncio.timeout(START_S):
            code = await self.process.wait()
            await self._log
        self.process._transport.close()  # type: ignore[reportAttributeAccessIssue] # or it warns
        return code

    async def _read_screen(self) -> None:
        assert self.process
        assert self.process.stdout
        async for line in self.process.stdout:
            text = line.decode()
            self.output.append(text)
            if " http://" in text and "token=" in text:
                self.link = text.split()[-1]
            if "Ctrl-C" in text:
                return
        raise RuntimeError("the bot did not start:\n" + "".join(self.output))

    async def _keep(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            self.output.append(line.decode())


@asynccontextmanager
async def bot_process(directory: Path, **settings: str) -> AsyncGenerator[BotProcess]:
    """A bot that is stopped at the end; settings as `web__port="0"`."""
    names = {f"PARLEY_{name.upper()}": value for name, value in settings.items()}
    bot = BotProcess(directory, names)
    await bot.start()
    try:
        yield bot
    finally:
        await bot.stop()


def environment() -> dict[str, str]:
    """This process's, without settings, and with the program to be found."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PARLEY_")}
    return kept | {"PYTHONPATH": str(Path(__file__).parents[2])}
