"""A running bot changes its model: asked in chat and from the command line, over a real engine."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from adapters.base import Kind
from bot.app import App, Running
from bot.config import Settings
from bot.control import ControlError, ask, socket_path
from bot.model import store_of
from bot.texts import texts_for
from engine.base import Swaps
from engine.frames import Load
from engine.models import DEMO
from engine.plan import Plan
from engine.weight import weigh
from tests.contract.engine_fixtures import demo_model
from tests.fakes.platform import FakePlatform
from tests.scenario.bots import running_app, settings_in
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
    before = len(platform.shown("ann"))
    await platform.receive([message(text, kind=Kind.COMMAND)])
    await platform.until(lambda: len(platform.shown("ann")) > before)
    return platform.shown("ann")[-1]


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
        assert await ask(socket, request) == {"model": DEMO.name, "now": True, "then": ""}
        assert (await running.desk.engine.status()).model == DEMO.name
        with pytest.raises(ControlError, match="nowhere"):
            await ask(socket, request | {"name": "nowhere"})

        latest = await running.desk.audit.latest(9)
        done = [(each.action, each.target) for each in latest if each.target]
        assert done[:2] == [
            ("models use", DEMO.name),
            ("admin model", "second"),
        ]


async def test_without_room_for_both_the_numbers_and_the_way_out_are_told(tmp_path: Path):
    plan = Plan(context_tokens=512, sequences=2, park_bytes=0)
    one = weigh(Load(str(demo_model().path), "", "", plan)).total_bytes
    settings = house(tmp_path, memory_bytes=one * 3 // 2, model=DEMO.name)
    async with bot_of(settings) as (running, platform):
        told = await tell(platform, "admin model second")
        assert f"second needs about {one >> 20} MB, and {one // 2 >> 20} MB are free" in told
        assert TEXTS.model_needs_pause.format(name="second") in told
        socket = socket_path(settings.storage.path)
        request = {"do": "models.use", "name": "second", "actor": "console:local:0"}
        with pytest.raises(ControlError, match="With --pause"):
            await ask(socket, request)

        told = await tell(platform, "admin model second pause")

        assert TEXTS.model_answers.format(model="`second`") in told
        assert TEXTS.model_until_restart.format(model=f"`{DEMO.name}`") in told
        assert (await running.desk.engine.status()).model == "second"


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
