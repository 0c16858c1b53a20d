"""A running bot changes its model: asked in chat and from the command line, over a real engine."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from adapters.base import Kind
from bot.access import Role
from bot.app import App, Running
from bot.config import Settings
from bot.control import ControlError, ask, socket_path
from bot.model import store_of
from bot.texts import texts_for
from engine.base import EngineError, EngineStatus, Swaps, ToldOfReading, Unavailable, untold
from engine.frames import Load
from engine.models import DEMO
from engine.plan import Plan
from engine.scripted import ScriptedEngine
from engine.weight import weigh
from storage.records import AuditEntry
from tests.clients.page import Tab
from tests.contract.engine_fixtures import demo_model
from tests.fakes.platform import LIMITS, FakePlatform
from tests.scenario.bots import running_app, running_bot, settings_in
from tests.scenario.test_command_line import parley
from tests.unit.bot.events import message

TEXTS = texts_for("en")


def house(directory: Path, *, port: bool = False, **engine: Any) -> Settings:
    """A bot of ann's with two small models in its store."""
    chosen = {"kind": "llama", "models_dir": directory / "models", "context_tokens": 512}
    sizes = {"sequences": 2, "threads": 1, "park_bytes": 0, "max_tokens": 8, "calibrate": False}
    settings = settings_in(
        directory,
        engine=chosen | sizes | engine,
        web={"enabled": port, "port": 0},
        access={"open": ["fake"], "owners": ["fake:ann"]},
    )
    for name in (DEMO.name, "second"):
        store_of(settings).pull(str(demo_model().path), name=name)
    store_of(settings).use(DEMO.name)
    return settings


@asynccontextmanager
async def bot_of(settings: Settings) -> AsyncGenerator[tuple[Running, FakePlatform]]:
    platform = FakePlatform()
    async with running_app(App(settings, adapters=[platform]), platform) as running:
        yield running, platform


async def tell(platform: FakePlatform, text: str) -> str:
    """Give a command; what it says in the end."""
    before = len(platform.shown("ann"))
    await platform.receive([message(text, kind=Kind.COMMAND)])
    await platform.until(
        lambda: len(platform.shown("ann")) > before and not platform.shown("ann")[-1].endswith("…")
    )
    return platform.shown("ann")[-1]


class Slow(ScriptedEngine):
    """An engine whose models load, and read three conversations, until they are let."""

    def __init__(self, fault: EngineError | None = None) -> None:
        super().__init__()
        self.fault = fault
        self.loads = asyncio.Event()
        self.reads = asyncio.Event()

    async def use(self, model: str, *, pause: bool = False, reads: ToldOfReading = untold) -> None:
        await self.loads.wait()
        if self.fault:
            raise self.fault
        await reads(3)
        await self.reads.wait()

    async def loaded(self) -> tuple[EngineStatus, ...]:
        return (await self.status(),)


LOADING = TEXTS.model_loads.format(model="`second`")
READS = TEXTS.model_reads.format(model="`second`", count=3)
ANSWERS = TEXTS.model_answers.format(model="`second`")


async def test_the_model_is_changed_in_chat_and_from_the_command_line(tmp_path: Path):
    settings = house(tmp_path)
    async with bot_of(settings) as (running, platform):
        told = await tell(platform, "admin model second")
        assert told == TEXTS.model_answers.format(model="`second`")
        assert (await running.desk.engine.status()).model == "second"
        assert "`second` answers (ready)" in await tell(platform, "admin model")
        assert store_of(settings).default() == store_of(settings).get("second")

        request = {"do": "models.use", "name": DEMO.name, "actor": "console:local:0"}
        socket = socket_path(settings.storage.path)
        lines: list[object] = []
        done = await ask(socket, request, lines.append)
        assert done == {"model": DEMO.name, "now": True, "then": ""}
        assert lines == [f"loading {DEMO.name}"]  # nobody said anything that it could read
        assert (await running.desk.engine.status()).model == DEMO.name
        with pytest.raises(ControlError, match="nowhere"):
            await ask(socket, request | {"name": "nowhere"})

        latest = await running.desk.audit.latest(9)
        audited = [(each.action, each.target) for each in latest if each.target]
        assert audited[:2] == [
            ("models use", DEMO.name),
            ("admin model", "second"),
        ]


async def test_how_far_a_change_is_is_told_in_one_message_that_nobody_can_stop(tmp_path: Path):
    engine = Slow()
    async with running_bot(house(tmp_path), engine=engine) as bot:
        platform = bot.platform
        await platform.receive([message("admin model second", kind=Kind.COMMAND)])
        await platform.until(lambda: platform.shown("ann") == [LOADING])
        engine.loads.set()
        await platform.until(lambda: platform.shown("ann") == [READS])
        engine.reads.set()
        await platform.until(lambda: platform.shown("ann") == [ANSWERS])

        (post,) = platform.posts["ann"]
        assert post.texts == [LOADING, READS, ANSWERS]
        assert not any(body.buttons for body in post.bodies)


async def test_what_hinders_a_change_takes_the_place_of_its_beginning(tmp_path: Path):
    engine = Slow(fault=Unavailable("its file is broken"))
    async with running_bot(house(tmp_path), engine=engine) as bot:
        platform = bot.platform
        await platform.receive([message("admin model second", kind=Kind.COMMAND)])
        await platform.until(lambda: platform.shown("ann") == [LOADING])
        engine.loads.set()
        await platform.until(lambda: platform.shown("ann") == ["its file is broken"])


async def test_where_no_message_can_change_the_end_alone_is_told(tmp_path: Path):
    engine, platform = Slow(), FakePlatform(limits=replace(LIMITS, can_edit=False))
    engine.loads.set()
    engine.reads.set()
    async with running_bot(house(tmp_path), platform=platform, engine=engine):
        assert await tell(platform, "admin model second") == ANSWERS
        assert [post.texts for post in platform.posts["ann"]] == [[ANSWERS]]


async def test_on_the_page_a_change_is_one_post_without_a_stop_button(tmp_path: Path):
    engine = Slow()
    settings, tab = house(tmp_path, port=True), partial(Tab, name="Ann", language="zh")
    async with running_bot(settings, engine=engine) as bot, tab(bot.running.url).present() as ann:
        texts, roster = texts_for("zh"), bot.running.desk.roster
        owner = roster.set_role(f"web:page:{ann.id}", Role.OWNER, AuditEntry("test", "test"))
        await roster.make(owner)
        await ann.say(ann.direct, "/admin model second")
        loading = texts.model_loads.format(model="`second`")
        await ann.until(lambda: ann.shown(ann.direct) == [loading])
        assert not ann.growing.get(ann.direct)  # what grows has a Stop button
        engine.loads.set()
        reads = texts.model_reads.format(model="`second`", count=3)
        await ann.until(lambda: ann.shown(ann.direct) == [reads])
        engine.reads.set()
        answers = texts.model_answers.format(model="`second`")
        await ann.until(lambda: ann.shown(ann.direct) == [answers])


async def test_without_room_for_both_the_numbers_and_the_way_out_are_told(tmp_path: Path):
    plan = Plan(context_tokens=512, sequences=2, park_bytes=0)
    one = weigh(Load(str(demo_model().path), "", "", plan)).total_bytes
    settings = house(tmp_path, memory_bytes=one * 3 // 2, model=DEMO.name)
    async with bot_of(settings) as (running, platform):
        told = await tell(platform, "admin model second")
        assert f"second needs about {one >> 20} MB, and {one // 2 >> 20} MB are free" in told
        assert TEXTS.model_needs_pause.format(name="second", sign="/") in told
        socket = socket_path(settings.storage.path)
        request = {"do": "models.use", "name": "second", "actor": "console:local:0"}
        with pytest.raises(ControlError, match="With --pause"):
            await ask(socket, request)

        told = await tell(platform, "admin model second pause")

        assert TEXTS.model_answers.format(model="`second`") in told
        assert TEXTS.model_until_restart.format(model=f"`{DEMO.name}`") in told
        assert (await running.desk.engine.status()).model == "second"


async def test_the_model_that_answers_is_not_removed(tmp_path: Path):
    settings = house(tmp_path)
    where = {
        "PARLEY_STORAGE__PATH": str(settings.storage.path),
        "PARLEY_ENGINE__MODELS_DIR": str(settings.engine.models_dir),
    }
    async with bot_of(settings):
        code, _, err = await parley(tmp_path, "models", "remove", DEMO.name, **where)
        assert (code, "answers people now" in err) == (1, True)
        code, _, err = await parley(tmp_path, "models", "remove", "second", **where)
        assert (code, err) == (0, "")
    code, out, _ = await parley(tmp_path, "models", "remove", DEMO.name, **where)
    assert (code, "“parley models use NAME”" in out) == (0, True)
    assert store_of(settings).list() == []


async def test_a_program_names_the_model_that_answers_it(tmp_path: Path):
    async with bot_of(house(tmp_path, port=True, idle_s=600)) as (running, _):
        base = running.url.partition("/?")[0]
        async with AsyncOpenAI(base_url=f"{base}/v1", api_key="any", max_retries=0) as client:
            assert [each.id async for each in client.models.list()] == [DEMO.name, "second"]
            for asked, answers in (("second", "second"), ("gpt-4o", DEMO.name)):
                whole = await client.chat.completions.create(
                    model=asked, messages=[{"role": "user", "content": "hello"}]
                )
                assert whole.model == answers
                assert whole.choices[0].message.content
        engine = running.desk.engine
        assert isinstance(engine, Swaps)
        assert {each.model for each in await engine.loaded()} == {DEMO.name, "second"}
