"""kill -9 of the engine's process in mid-answer: the answer comes all the same, and once."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from adapters.base import Address, Person
from bot.app import App
from engine.client import WorkerEngine
from engine.frames import Load
from engine.models import DEMO, ModelStore
from engine.plan import Plan
from tests.fakes.platform import FakePlatform
from tests.scenario.bots import running_app, settings_in
from tests.unit.bot.events import message


@pytest.fixture(scope="session")
def load() -> Load:
    """The demo model, pulled once."""
    store = ModelStore(Path(__file__).parents[2] / ".cache" / "models")
    model = store.pull(DEMO.source, name=DEMO.name, sha256=DEMO.sha256)
    return Load(str(model.path), model.sha256, model.name, Plan(context_tokens=2048))


async def test_everybody_is_answered_once(tmp_path: Path, load: Load) -> None:
    engine, platform = WorkerEngine(load), FakePlatform()
    settings = settings_in(tmp_path, engine={"kind": "llama", "max_tokens": 48, "temperature": 0})
    app = App(settings, engine=engine, adapters=[platform])
    rooms = [f"p{number}" for number in range(3)]
    async with running_app(app, platform) as running:
        for room in rooms:
            to = Address("fake", "bot", room, direct=True)
            asked = message("Tell me a long story.", to=to, by=Person(room, room))
            await platform.receive([asked])
        await platform.until(lambda: any(platform.shown(room) for room in rooms))
        assert engine.pid
        os.kill(engine.pid, signal.SIGKILL)
        memory = running.desk.memory
        async with asyncio.timeout(90):
            while await memory.inbox.pending() or await memory.outbox.undelivered():
                await asyncio.sleep(0.05)
        assert await memory.turns.count() == len(rooms)
        assert (await engine.status()).restarts == 1
    for room in rooms:
        assert len(platform.posts[room]) == 1
        assert len(platform.shown(room)[0].split()) > 10
