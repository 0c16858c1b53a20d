"""Bots that share a database on a NAS, which hangs: they go on telling how they are, and can be
stopped. On one that is full they wait for room.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.control import ControlError, ask, socket_path
from tests.clients.process import BotProcess
from tests.faults.test_kill import free_port
from tests.rigs.nas import Nas, mounted

LONG = bool(os.environ.get("PARLEY_LONG_FAULTS"))
LEASE_S = 5.0
PATIENCE_S = 120.0
REFUSED = "this bot does not answer any more"
STOPPED = "threads that hang in a mount are left"


class Bot:
    """One of the two, at the same file of the NAS."""

    def __init__(self, directory: Path, name: str, nas: Nas) -> None:
        self._port, self._local = free_port(), directory / name
        self._local.mkdir()
        settings = {
            "PARLEY_BOT__DRAIN_S": "1",
            "PARLEY_WEB__PORT": self._port,
            "PARLEY_ENGINE__KIND": "scripted",
            "PARLEY_STORAGE__PATH": str(nas.mount / "parley.db"),
            "PARLEY_STORAGE__LOCAL_DIR": str(self._local),
            "PARLEY_STORAGE__STANDBY": "true",
            "PARLEY_STORAGE__LEASE_S": str(LEASE_S),
            "PARLEY_STORAGE__LABEL": name,
        }
        self.process = BotProcess(self._local, settings)

    async def end(self, has_ended: Callable[[], bool]) -> None:
        """SIGTERM, and until that comes true."""
        assert self.process.process
        self.process.process.terminate()
        await until(lambda: _now(has_ended()))

    async def lives(self) -> bool:
        async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
            return (await http.get(self._at("/healthz"))).status_code == 200

    async def role(self) -> str:
        """Empty between two roles."""
        with suppress(httpx.TransportError):
            async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
                return (await http.get(self._at("/readyz"))).json()["role"]
        return ""

    async def status(self) -> Any:
        """What `parley doctor` asks; None between two roles."""
        with suppress(ControlError):
            return await ask(socket_path(self._local / "parley.working.db"), {"do": "status"})
        return None

    @property
    def code(self) -> int | None:
        """The exit code of its process, whatever its children do."""
        return self.process.process.returncode if self.process.process else None

    def _at(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}{path}"


async def _now(value: bool) -> bool:
    return value


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await asyncio.sleep(0.05)


@pytest.mark.skipif(not LONG, reason="a long fault trial")
@pytest.mark.timeout(400)
async def test_a_mount_that_hangs_holds_nobody(tmp_path: Path) -> None:
    """A process that has a file open there can't end before the mount answers: that is the
    kernel's. Until there it comes."""
    with mounted(tmp_path / "nas") as nas:
        nas.put("/parley.db", b"")
        first, second = (Bot(tmp_path, name, nas) for name in ("first", "second"))
        await first.process.start()
        await second.process.start()
        assert (await first.role(), await second.role()) == ("primary", "standby")
        nas.hang()

        async def cannot_see() -> bool:
            return "not answer" in (await second.status())["detail"]

        await until(cannot_see)
        assert await second.lives()
        await second.end(lambda: second.code == 0)

        async def stands_by() -> bool:
            return await first.role() == "standby" and await first.status() is not None

        await until(stands_by)
        assert await first.lives()
        assert (await first.status())["role"] == "standby"
        await first.end(lambda: any(STOPPED in line for line in first.process.output))
        nas.mend()
        assert await first.process.stop() == 0
        assert await second.process.stop() == 0


@pytest.mark.skipif(not LONG, reason="a long fault trial")
@pytest.mark.timeout(400)
async def test_a_full_share_ends_nobody(tmp_path: Path) -> None:
    """The lease lapses, for its beats can't be written, and can't be taken again before there is
    room."""
    with mounted(tmp_path / "nas") as nas:
        nas.put("/parley.db", b"")
        bot = Bot(tmp_path, "first", nas)
        await bot.process.start()
        assert await bot.role() == "primary"
        nas.fill()

        async def has_tried() -> bool:
            assert bot.code is None
            return any(REFUSED in line and "no space" in line for line in bot.process.output)

        await until(has_tried)
        nas.mend()

        async def answers() -> bool:
            assert bot.code is None
            return await bot.role() == "primary"

        await until(answers)
        assert await bot.process.stop() == 0
