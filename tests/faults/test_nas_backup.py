"""Backups onto a NAS that hangs: the bot answers and can be stopped, the backup is given up and
told of, and the next one is taken once the NAS is back.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from storage.backup import check
from storage.database import Database
from storage.depot import MOST_LEFT, Depot
from storage.records import Unavailable
from storage.turns import Turns
from tests.clients.page import Tab
from tests.clients.process import BotProcess, environment
from tests.faults.test_kill import free_port
from tests.rigs.nas import Nas, mounted

LONG = bool(os.environ.get("PARLEY_LONG_FAULTS"))
PATIENCE_S = 200.0 if LONG else 120.0
SHORT_S = 1.0
SILENT = "its file system does not answer"


@dataclass(slots=True)
class Asking:
    """A person who asks a bot one thing after the other, and waits for each answer."""

    tab: Tab
    asked: int = 0

    async def ask(self) -> None:
        self.asked += 1
        await self.tab.say(self.tab.direct, f"question {self.asked}")
        await self.tab.until(lambda: len(self.tab.shown(self.tab.direct)) == self.asked, PATIENCE_S)


@asynccontextmanager
async def asking(bot: BotProcess) -> AsyncGenerator[Asking]:
    tab = Tab(bot.link, "p")
    await tab.join()
    async with asyncio.TaskGroup() as tasks:
        staying = tasks.create_task(tab.stay())
        await tab.until(lambda: tab.rooms, PATIENCE_S)
        try:
            yield Asking(tab)
        finally:
            staying.cancel()


def bot_beside(directory: Path, nas: Nas) -> BotProcess:
    """A bot whose database is here and whose backups go to the NAS; not started."""
    directory.mkdir()
    settings = {
        "PARLEY_WEB__PORT": free_port(),
        "PARLEY_ENGINE__KIND": "scripted",
        "PARLEY_STORAGE__PATH": str(directory / "parley.db"),
        "PARLEY_STORAGE__BACKUP_DIR": str(nas.mount / "backups"),
    }
    return BotProcess(directory, settings)


async def backup(bot: BotProcess, target: Path) -> tuple[int | None, str]:
    """`parley db backup`: the exit code, and all that comes on standard error until its end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.cli", "db", "backup", str(target)),
        cwd=bot.directory,
        env=environment() | bot.settings,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return process.returncode, said.decode()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await asyncio.sleep(0.1)


async def until_touched(nas: Nas) -> None:
    """Until somebody looks at a file or directory there."""

    async def is_so() -> bool:
        return nas.count("getattr") > 0

    await until(is_so)


async def until_told(bot: BotProcess, words: str) -> None:
    """Until `/readyz` says so of the backups; answers go on meanwhile, so it stays 200."""
    async with httpx.AsyncClient(timeout=60) as http:

        async def is_so() -> bool:
            ready = await http.get(f"{bot.link.partition('/?')[0]}/readyz")
            assert ready.status_code == 200
            return words in ready.json()["parts"]["backup"]["detail"]

        await until(is_so)


async def assert_sound(copy: Path, turns: int) -> None:
    async with Database(copy) as database:
        assert (await check(database)).problems == ()
        assert await Turns(database).count() >= turns


@pytest.mark.timeout(600)
async def test_a_bot_answers_and_ends_while_its_backups_hang(tmp_path: Path) -> None:
    """It hangs until the end: neither the bot nor the command waits for it, and neither does who
    reads what they say to its end."""
    with mounted(tmp_path / "nas") as nas, mounted(tmp_path / "other") as other:
        bot = bot_beside(tmp_path / "bot", nas)
        nas.hang()
        other.hang()
        await bot.start()
        await until_touched(nas)
        async with asking(bot) as person:
            await person.ask()
            commanding = asyncio.create_task(backup(bot, other.mount / "own.db"))
            await until_touched(other)
            await person.ask()
        assert await bot.stop() == 0
        code, said = await commanding
        assert code == 1
        assert said.startswith("parley: ")


async def test_what_hangs_is_given_up_and_bounded(tmp_path: Path) -> None:
    with mounted(tmp_path / "nas") as nas:
        depot, said = Depot(SHORT_S), list[str]()
        nas.hang()

        async def is_refused() -> bool:
            tried = (depot.names(nas.mount) for _ in range(MOST_LEFT))
            faults = await asyncio.gather(*tried, return_exceptions=True)
            assert all(isinstance(fault, Unavailable) for fault in faults)
            said.extend(map(str, faults))
            return said[-1].startswith(f"{nas.mount}: nothing more is begun while ")

        await until(is_refused)
        assert said[0].startswith(f"{nas.mount}: {SILENT} (TimeoutError); mend its mount")
        assert depot.left >= MOST_LEFT
        nas.mend()

        async def is_free() -> bool:
            return depot.left == 0

        await until(is_free)
        assert await Depot().names(nas.mount) == []


@pytest.mark.skipif(not LONG, reason="a long fault trial: make faults")
@pytest.mark.timeout(900)
async def test_a_hanging_backup_is_given_up_and_told_of(tmp_path: Path) -> None:
    with mounted(tmp_path / "nas") as nas:
        bot, idle = bot_beside(tmp_path / "bot", nas), bot_beside(tmp_path / "idle", nas)
        targets = [nas.mount / "asked.db", nas.mount / "alone.db"]
        nas.hang()
        await bot.start()
        async with asking(bot) as person:
            commands = asyncio.gather(backup(bot, targets[0]), backup(idle, targets[1]))
            while not commands.done():
                await person.ask()
            for target, (code, said) in zip(targets, await commands, strict=True):
                assert code == 1
                assert said.startswith(f"parley: {target}: {SILENT} (TimeoutError); mend its mount")
            assert nas.count("hung")
            assert person.asked > 1
            await until_told(bot, SILENT)
            assert any("backups are not as they should be" in line for line in bot.output)
            nas.mend()
            assert (await backup(bot, targets[0]))[0] == 0
            await until_told(bot, "1 kept")
            await person.ask()
        assert await bot.stop() == 0
        left = nas.save(tmp_path / "left")
        (scheduled,) = (left / "backups").glob("parley-*.db")
        for copy in (left / "asked.db", scheduled):
            await assert_sound(copy, person.asked - 1)
