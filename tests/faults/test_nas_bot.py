"""A bot whose NAS hangs, fails, fills up or turns read-only: nobody notices, nothing is lost.

The bot is `parley run` with a database on a mount of a NAS, and people write to it all the time.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from storage.condition import Condition
from storage.opening import Place, opened
from tests.clients.page import Tab, all_present
from tests.clients.process import BotProcess
from tests.faults.test_kill import answered, free_port
from tests.faults.test_spool import rows
from tests.rigs.nas import Nas, mounted

LONG = bool(os.environ.get("PARLEY_LONG_FAULTS"))
PEOPLE = 4
HANG_S = 60.0 if LONG else 5.0
FAULT_S = 3.0 if LONG else 0.0
PATIENCE_S = 120.0
REST_S = 0.2
SLOW_S = 0.02
AWAY, BACK = "the NAS is away", "the NAS is back"

Trouble = Callable[[Nas], None]

LASTING: dict[str, Trouble] = {
    "every operation fails": lambda nas: nas.fail("EIO"),
    "every sync fails": lambda nas: nas.fail("EIO", operations=["fsync"]),
    "no space is left": lambda nas: nas.fill("ENOSPC"),
    "no quota is left": lambda nas: nas.fill("EDQUOT"),
    "no space is left, said late": lambda nas: nas.fill("ENOSPC", late=True),
    "read-only": lambda nas: nas.protect(),
    "stale at every operation": lambda nas: nas.fail("ESTALE"),
}
QUICK = ("no space is left, said late",)
NTHS = (3, 7, 19, 41, 83, 127)


@dataclass(slots=True)
class Talk:
    """People who write, each the next message when the last was answered."""

    bot: BotProcess
    tabs: list[Tab]
    asked: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    ends: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, tab: Tab) -> None:
        """Until the end."""
        asked = self.asked[tab.name] = []
        while not self.ends.is_set():
            asked.append(f"{tab.name}-{len(asked)}")
            await tab.say(tab.direct, f"<{asked[-1]}>")
            await tab.until(lambda: self.answers(tab) == asked, PATIENCE_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ends.wait(), REST_S)

    def answers(self, tab: Tab) -> list[str]:
        return answered(tab.shown(tab.direct))

    async def go_on(self, seconds: float) -> None:
        """So long, and until everybody had two more answers."""
        aims = {tab.name: len(self.answers(tab)) + 2 for tab in self.tabs}
        await asyncio.sleep(seconds)
        for tab in self.tabs:
            await tab.until(lambda tab=tab: len(self.answers(tab)) >= aims[tab.name], PATIENCE_S)

    async def until_logged(self, words: str, times: int) -> None:
        """Until the bot said something so often."""
        async with asyncio.timeout(PATIENCE_S):
            while self.logged(words) < times:
                await asyncio.sleep(0.05)

    def logged(self, words: str) -> int:
        return sum(words in line for line in self.bot.output)

    async def until_storage(self, words: str) -> None:
        """Until the bot says so of its storage, and that it is ready all the same."""
        async with httpx.AsyncClient(timeout=60) as http, asyncio.timeout(PATIENCE_S):
            while True:
                ready = await http.get(f"{self.tabs[0].base}/readyz")
                storage = ready.json()["parts"]["storage"]
                if storage["detail"].startswith(words):
                    assert storage["ready"]
                    return
                await asyncio.sleep(0.05)


@asynccontextmanager
async def talking(directory: Path, nas: Nas) -> AsyncGenerator[Talk]:
    """A bot that people write to; at the end it has answered everything, and is stopped."""
    settings = {
        "PARLEY_WEB__PORT": free_port(),
        "PARLEY_ENGINE__KIND": "scripted",
        "PARLEY_STORAGE__PATH": str(nas.mount / "parley.db"),
        "PARLEY_STORAGE__LOCAL_DIR": str(directory / "here"),
    }
    bot = BotProcess(directory, settings)
    await bot.start()
    talk = Talk(bot, [Tab(bot.link, f"p{number}") for number in range(PEOPLE)])
    async with all_present(talk.tabs), asyncio.TaskGroup() as tasks:
        writing = [tasks.create_task(talk.write(tab)) for tab in talk.tabs]
        try:
            yield talk
        except BaseException:
            print("".join(line for line in bot.output if "NAS" in line))
            raise
        finally:
            talk.ends.set()
            await asyncio.wait(writing)
    await talk.until_storage("takes writes")
    assert await bot.stop() == 0


async def assert_kept(talk: Talk, place: Place, nas: Nas, left: Path) -> None:
    """Everything that was answered is on the NAS, and the two files are the same."""
    async with opened(place) as store, asyncio.timeout(PATIENCE_S):
        while (await store.condition()) != Condition("copying"):
            await asyncio.sleep(0.05)
    there = rows(nas.save(left) / "parley.db")
    assert there == rows(place.working)
    asked = {name for names in talk.asked.values() for name in names}
    assert {name for row in there["turn_message"] for name in answered([str(row)])} == asked
    for tab in talk.tabs:
        assert not tab.unacknowledged
        assert not tab.refused
        assert talk.answers(tab) == talk.asked[tab.name]


@pytest.mark.timeout(600)
async def test_people_notice_nothing(tmp_path: Path) -> None:
    with mounted(tmp_path / "nas") as nas:
        async with talking(tmp_path, nas) as talk:
            await talk.go_on(0)
            for name in LASTING if LONG else QUICK:
                LASTING[name](nas)
                await talk.until_storage("degraded")
                await talk.go_on(FAULT_S)
                nas.mend()
                await talk.until_storage("takes writes")
            await _meet_stale(talk, nas)
            await _hang(talk, nas)
            nas.delay(SLOW_S)
            await talk.go_on(FAULT_S)
            nas.mend()
            for nth in NTHS if LONG else ():
                failed = nas.count("failed")
                nas.fail("EIO", every=nth)
                await talk.go_on(FAULT_S)
                assert nas.count("failed") > failed
                nas.mend()
                await talk.until_storage("takes writes")
        place = Place(nas.mount / "parley.db", tmp_path / "here" / "parley.working.db")
        await assert_kept(talk, place, nas, tmp_path / "left")


async def _meet_stale(talk: Talk, nas: Nas) -> None:
    """Files that are open are stale once: opened anew, they are good again."""
    away, back = talk.logged(AWAY), talk.logged(BACK)
    nas.forget_handles()
    await talk.until_logged(AWAY, away + 1)
    await talk.until_logged(BACK, back + 1)
    assert nas.count("stale")


async def _hang(talk: Talk, nas: Nas) -> None:
    nas.hang()
    await talk.go_on(HANG_S)
    assert nas.count("hung")
    if LONG:
        await talk.until_storage("degraded")
    nas.mend()
    await talk.until_storage("takes writes")
