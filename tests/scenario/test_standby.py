"""Two bots that share a database: one answers, the other says that it stands by."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection

from adapters.base import Kind, Person
from bot.app import App, Running
from bot.bearer import Bearer
from bot.codec import destination
from bot.config import ConfigError
from bot.control import ControlError, actor, ask, socket_path
from bot.delivery import Delivery
from bot.embeddings_api import EmbeddingsApi
from bot.health import Metrics
from bot.http import application
from bot.lane import WRITING
from bot.line import Grown, Line
from bot.openai_api import OpenAiApi
from bot.place import place_of
from bot.verbs import failover as verb
from bot.verbs.opened import opened
from engine.base import Delta, Embeddings, Request
from engine.scripted import ScriptedEngine
from storage.database import Database
from storage.lease import Lease
from storage.outbox import Outbox
from storage.pragmas import DIRECT
from storage.records import Body, Fenced
from storage.tenure import Terms
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


async def test_nothing_is_sent_when_the_lease_may_be_anothers(tmp_path: Path) -> None:
    clock, platform = [1_000.0], FakePlatform()
    lease = Lease(Terms("me", LEASE_S, automatic=True), "me", lambda: clock[0])
    async with (
        Database(tmp_path / "parley.db", custody=lease, pragmas=DIRECT) as db,
        asyncio.TaskGroup() as tasks,
    ):
        outbox = Outbox(db)
        delivery = Delivery(outbox, {("fake", "bot"): platform}, tasks.create_task, Metrics())
        to = destination(message(to=CHAT), "s")
        await outbox.post("a", to, [Body(0, "hello")])
        clock[0] += LEASE_S
        delivery.deliver(await outbox.parts("a"))
        await asyncio.sleep(0)
        await delivery.drain(1)
        assert not [verb for verb, _ in platform.calls if verb != "find"]
        await db.writable()  # it was nobody's else: the next commit says so
        await Delivery(outbox, {("fake", "bot"): platform}, tasks.create_task, Metrics()).recover()
        await platform.until(lambda: platform.shown("ann") == ["hello"])


async def test_a_command_that_reads_for_long_keeps_the_lease(tmp_path: Path) -> None:
    """Each beat is a commit; this command makes none."""
    sharing = {"path": tmp_path / "parley.db", "standby": True, "lease_s": LEASE_S}
    async with opened(settings_in(tmp_path, storage=sharing)) as (db, _), asyncio.timeout(60):
        before = await db.read(_beat)
        while await db.read(_beat) < before + 2:
            await asyncio.sleep(0.01)


def _beat(connection: Connection) -> int:
    return connection.exec_driver_sql("SELECT beat FROM lease").scalar_one()


async def test_a_stream_does_not_grow_when_the_lease_may_be_anothers(tmp_path: Path) -> None:
    """As after the machine slept: it grows again once the file says that it is still ours."""
    clock = [1_000.0]
    lease = Lease(Terms("me", LEASE_S, automatic=True), "me", lambda: clock[0])
    async with Database(tmp_path / "parley.db", custody=lease, pragmas=DIRECT) as db:
        line = Line(db.assert_held)
        await line.show("one")
        clock[0] += LEASE_S
        with pytest.raises(Fenced):
            await line.show("one two")
        await db.writable()
        await line.show("one two three")
        assert await anext(line.progress()) == Grown("one two three")


class Lapsing(ScriptedEngine):
    """At the third word of an answer so much time goes by that the lease may be another's, and so
    while vectors are made."""

    def __init__(self, clock: list[float]) -> None:
        super().__init__()
        self._clock = clock

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        words = 0
        async with aclosing(super().stream(request)) as deltas:
            async for delta in deltas:
                words += 1
                if words == 3:
                    self._clock[0] += LEASE_S
                yield delta

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        made = await super().embed(texts)
        self._clock[0] += LEASE_S
        return made


@pytest.mark.parametrize("streams", [True, False])
async def test_openai_tools_hear_no_more_of_it_then(tmp_path: Path, streams: bool) -> None:
    clock = [1_000.0]
    lease = Lease(Terms("me", LEASE_S, automatic=True), "me", lambda: clock[0])
    asked = {"messages": [{"role": "user", "content": "a b c d e"}], "stream": streams}
    async with Database(tmp_path / "parley.db", custody=lease, pragmas=DIRECT) as db:
        bearer = Bearer({}, is_local=True)
        api = OpenAiApi(settings_in(tmp_path), Lapsing(clock), bearer, db.assert_held)
        served = httpx.ASGITransport(application(api.routes()))
        async with httpx.AsyncClient(
            timeout=60, transport=served, base_url="http://127.0.0.1"
        ) as http:
            answer = await http.post("/v1/chat/completions", json=asked)
    assert answer.status_code == (200 if streams else 503)
    assert "Another bot answers" in answer.text
    assert _said(answer.text) == ("echo: a " if streams else "")


async def test_they_get_no_vectors_and_no_names_of_models_then(tmp_path: Path) -> None:
    clock = [1_000.0]
    lease = Lease(Terms("me", LEASE_S, automatic=True), "me", lambda: clock[0])
    async with Database(tmp_path / "parley.db", custody=lease, pragmas=DIRECT) as db:
        bearer, engine = Bearer({}, is_local=True), Lapsing(clock)
        api = OpenAiApi(settings_in(tmp_path), engine, bearer, db.assert_held)
        vectors = EmbeddingsApi(engine, bearer, db.assert_held)
        served = httpx.ASGITransport(application([*api.routes(), *vectors.routes()]))
        async with httpx.AsyncClient(
            timeout=60, transport=served, base_url="http://127.0.0.1"
        ) as http:
            answers = [
                await http.post("/v1/embeddings", json={"input": "x"}),
                await http.get("/v1/models"),
            ]
            await db.writable()
            again = await http.get("/v1/models")
    assert [answer.status_code for answer in answers] == [503, 503]
    assert all("Another bot answers" in answer.text for answer in answers)
    assert again.status_code == 200


def _said(stream: str) -> str:
    """The words of a stream, without the error that ends it."""
    events = [line.removeprefix("data: ") for line in stream.splitlines() if "choices" in line]
    return "".join(json.loads(each)["choices"][0]["delta"].get("content", "") for each in events)


def test_without_a_standby_there_is_no_failover(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"storage\.standby is off"):
        verb.failover(settings_in(tmp_path), force=False)


def test_a_working_file_and_a_standby_exclude_each_other(tmp_path: Path) -> None:
    storage = {"path": tmp_path / "p.db", "mode": "local-first", "standby": True}
    with pytest.raises(ConfigError, match="written where both bots see it"):
        place_of(settings_in(tmp_path, storage=storage))
