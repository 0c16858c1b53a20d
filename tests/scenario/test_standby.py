"""Two bots that share a database: one answers, the other says that it stands by."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection

from adapters.base import Kind, Person
from bot.app import App, Running
from bot.config import ConfigError
from bot.control import ControlError, actor, ask, socket_path
from bot.lane import WRITING
from bot.place import place_of
from bot.verbs import failover as verb
from bot.verbs.opened import opened
from engine.scripted import ScriptedEngine
from tests.fakes.platform import FakePlatform
from tests.scenario.bots import entered, settings_in
from tests.unit.bot.events import DIRECT as CHAT
from tests.unit.bot.events import message

LEASE_S = 15.0
"""Long enough for a slow machine to keep it, and short for those who wait for the next look."""


@dataclass
class Bot:
    """One of two bots with the same account; it can be seen by what it says at each change."""

    directory: Path
    name: str
    platform: FakePlatform
    running: list[Running] = field(default_factory=list[Running])
    urls: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.settings = settings_in(
            self.directory,
            storage={
                "path": self.directory / "parley.db",
                "local_dir": self.directory / self.name,
                "standby": True,
                "lease_s": LEASE_S,
                "label": self.name,
            },
            web={"port": 0},
            access={"open": ["fake"], "owners": ["fake:ann"]},
        )
        engine = entered(ScriptedEngine())
        self.app = App(self.settings, engine=engine, adapters=[self.platform])

    @property
    def socket(self) -> Path:
        return socket_path(place_of(self.settings).here)

    async def until(self, *, answers: int = 0, stands_by: int = 0) -> None:
        """Until it began to answer, or to stand by, so many times."""
        async with asyncio.timeout(60):
            while len(self.running) < answers or len(self.urls) < stands_by:
                await asyncio.sleep(0.01)

    async def until_seen(self, detail: str) -> None:
        """Until it stands by for this reason: on a busy machine its first look takes long, and
        until then it says so."""
        async with asyncio.timeout(60):
            while detail not in (await ask(self.socket, {"do": "status"}))["detail"]:
                await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Pair:
    """`first` answers and `second` stands by."""

    first: Bot
    second: Bot
    platform: FakePlatform

    async def asks(self, text: str, kind: Kind = Kind.MESSAGE) -> str:
        """What ann is told."""
        before = len(self.platform.shown("ann"))
        await self.platform.receive([message(text, to=CHAT, by=Person("ann", "Ann"), kind=kind)])
        await self.platform.until(
            lambda: (
                len(shown := self.platform.shown("ann")) > before
                and not shown[-1].endswith(WRITING)
            )
        )
        return self.platform.shown("ann")[-1]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncGenerator[Pair]:
    platform = FakePlatform()
    (tmp_path / "parley.db").touch()
    first, second = Bot(tmp_path, "one", platform), Bot(tmp_path, "two", platform)
    async with AsyncExitStack() as stack:
        for bot in (first, second):
            await stack.enter_async_context(_running(bot))
            await bot.until(answers=bot is first, stands_by=bot is second)
        await second.until_seen("one has the lease (epoch 1)")
        yield Pair(first, second, platform)


@asynccontextmanager
async def _running(bot: Bot) -> AsyncGenerator[None]:
    run = asyncio.create_task(bot.app.run(bot.running.append, bot.urls.append))
    try:
        yield
    finally:
        bot.app.stop()
        await run


async def test_a_standby_says_so(pair: Pair) -> None:
    url = pair.second.urls[0]
    async with httpx.AsyncClient(timeout=60, base_url=url) as client:
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
        metrics = (await client.get("/metrics")).text
        page = await client.get("/")
        style = await client.get("/page/static/page.css")
        chat = await client.post("/api/v1/chat", json={"message": "hello"})
    assert ready.status_code == 503
    assert ready.json()["role"] == "standby"
    assert "one has the lease (epoch 1)" in ready.json()["parts"]["storage"]["detail"]
    assert "\nparley_lease_held 0.0\n" in metrics
    assert "\nparley_lease_epoch 1.0\n" in metrics
    assert page.status_code == 503
    assert "stands by" in page.text
    assert style.status_code == 200
    assert chat.status_code == 503
    assert "another one answers" in chat.json()["error"]["message"]
    with pytest.raises(ControlError, match="ask the one that answers"):
        await ask(pair.second.socket, {"do": "db.check"})


async def test_the_one_that_answers_says_so(pair: Pair) -> None:
    url = pair.first.running[0].url.partition("/?")[0]
    async with httpx.AsyncClient(timeout=60, base_url=url) as client:
        ready = (await client.get("/readyz")).json()
        metrics = (await client.get("/metrics")).text
    assert (ready["ready"], ready["role"]) == (True, "primary")
    assert "\nparley_lease_held 1.0\n" in metrics
    assert "this bot has the lease (epoch 1)" in await pair.asks("admin stats", Kind.COMMAND)
    assert (await ask(pair.first.socket, {"do": "status"}))["role"] == "primary"


async def test_failover_and_back(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    assert "first" in await pair.asks("first")
    pair.platform.connect()
    await asyncio.to_thread(verb.failover, pair.first.settings, force=False)
    await pair.second.until(answers=1)
    assert "second" in await pair.asks("second")
    pair.platform.connect()
    await asyncio.to_thread(verb.failover, pair.second.settings, force=False)
    await pair.first.until(answers=2, stands_by=1)
    assert "third" in await pair.asks("third")
    out = capsys.readouterr().out
    assert "two answers now (epoch 2)." in out
    assert "one answers now (epoch 3)." in out


async def test_a_living_one_is_displaced_by_force_alone(
    pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ControlError, match="one has the lease"):
        await asyncio.to_thread(verb.failover, pair.second.settings, force=False)
    pair.platform.connect()
    await asyncio.to_thread(verb.failover, pair.second.settings, force=True)
    await pair.second.until(answers=1)
    await pair.first.until(stands_by=1)
    assert "hello" in await pair.asks("hello")
    written = await pair.second.running[0].desk.audit.latest(10)
    (entry,) = [each for each in written if each.action == "failover"]
    assert (entry.actor, entry.target, entry.outcome) == (actor(), "one", "done")
    assert json.loads(entry.detail) == {"epoch": 2, "forced": True}
    assert json.loads(entry.origin) == {"platform": "console", "address": "two"}
    assert (await pair.second.running[0].desk.audit.verify()).faults == ()
    out = capsys.readouterr().out
    assert "both may answer until it notices" in out
    assert "This bot answers now (epoch 2)." in out


async def test_what_was_stopped_is_taken_over(pair: Pair) -> None:
    pair.platform.connect()
    pair.first.app.stop()
    await pair.second.until(answers=1)
    assert "hello" in await pair.asks("hello")


async def test_a_missing_file_is_waited_for(tmp_path: Path) -> None:
    """Behind a mount point without its mount nothing is begun."""
    bot = Bot(tmp_path, "one", FakePlatform())
    async with _running(bot):
        await bot.until(stands_by=1)
        await bot.until_seen("mount its file system")
        async with httpx.AsyncClient(timeout=60, base_url=bot.urls[0]) as client:
            ready = (await client.get("/readyz")).json()
        assert "mount its file system" in ready["parts"]["storage"]["detail"]
        assert not bot.settings.storage.path.exists()
        bot.settings.storage.path.touch()
        await bot.until(answers=1)


async def test_a_command_that_reads_for_long_keeps_the_lease(tmp_path: Path) -> None:
    """Each beat is a commit; this command makes none."""
    sharing = {"path": tmp_path / "parley.db", "standby": True, "lease_s": LEASE_S}
    async with opened(settings_in(tmp_path, storage=sharing)) as (db, _), asyncio.timeout(60):
        before = await db.read(_beat)
        while await db.read(_beat) < before + 2:
            await asyncio.sleep(0.01)


def _beat(connection: Connection) -> int:
    return connection.exec_driver_sql("SELECT beat FROM lease").scalar_one()


def test_without_a_standby_there_is_no_failover(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"storage\.standby is off"):
        verb.failover(settings_in(tmp_path), force=False)


def test_a_working_file_and_a_standby_exclude_each_other(tmp_path: Path) -> None:
    storage = {"path": tmp_path / "p.db", "mode": "local-first", "standby": True}
    with pytest.raises(ConfigError, match="written where both bots see it"):
        place_of(settings_in(tmp_path, storage=storage))
