"""A bot whose engine spills: encrypted like everything else, erased like everything else."""

import asyncio
import os
from pathlib import Path

import pytest

from adapters.base import Address, Kind, Person
from bot.app import App
from bot.config import Settings
from bot.keyring import add_key
from bot.spill import IN_MEMORY
from bot.verbs.doctor import look
from storage.clock import utc_now
from storage.filesystem import verdict_of
from tests.contract.engine_fixtures import MODELS, WAIT_S, demo_model, eventually, until
from tests.contract.spilled import files_in
from tests.fakes.platform import FakePlatform
from tests.scenario.bots import running_app, settings_in
from tests.unit.bot.events import message
from tests.unit.storage.canary import holders

CANARY = "kanarienvogel7f3a"
QUESTION = f"what does a {CANARY} eat? " + "It is yellow and small. " * 8
PEOPLE = ["ann", "bob", "cid", "dot"]


def house(root: Path) -> Settings:
    """A bot with a key, one sequence, memory for three conversations, and a disk."""
    add_key(root / "key", utc_now())
    sizes = {"sequences": 1, "threads": 1, "max_tokens": 4, "calibrate": False}
    spill = {"park_bytes": 10 << 20, "spill_dir": root / "spill", "spill_bytes": 1 << 30}
    model = {"kind": "llama", "models_dir": MODELS, "context_tokens": 1024}
    return settings_in(
        root,
        storage={"path": root / "parley.db", "key_file": root / "key"},
        engine=model | sizes | spill,
    )


async def tell(platform: FakePlatform, name: str, text: str, kind: Kind = Kind.MESSAGE) -> None:
    """Say something, and wait until it is answered."""
    before = len(platform.shown(name))
    to = Address("fake", "bot", name, direct=True)
    await platform.receive([message(text, to=to, by=Person(name, name), kind=kind)])
    await platform.until(lambda: len(platform.shown(name)) > before, timeout_s=WAIT_S)


@pytest.fixture(autouse=True)
def on_a_disk(tmp_path: Path) -> None:
    if verdict_of(tmp_path).filesystem in IN_MEMORY:
        pytest.skip(f"{tmp_path} is memory, where the bot spills nothing")


async def test_what_is_spilled_is_unreadable_told_of_and_forgotten(tmp_path: Path):
    demo_model()
    settings, platform = house(tmp_path), FakePlatform()
    app = App(settings, adapters=[platform])
    async with running_app(app, platform) as running:
        engine = running.desk.engine
        await until(lambda status: status.state == "ready", engine)
        for turns, name in enumerate(PEOPLE, start=1):
            await tell(platform, name, QUESTION)
            await eventually(running.desk.memory.turns.count, turns.__eq__)
            await until(lambda status: status.running == status.kept.moving == 0, engine)
        files = (await engine.status()).kept.files
        found = files_in(tmp_path / "spill")
        assert len(found) == files >= 2
        assert all(CANARY.encode() not in file.read_bytes() for file in found)
        assert os.listdir(tmp_path / "spill") == []
        assert holders(tmp_path, CANARY) == set()

        await app.readiness(running.desk)
        assert app.metrics.registry.get_sample_value("parley_parked_files") == files
        findings = await asyncio.to_thread(lambda: {each.part: each for each in look(settings)})
        assert findings["spill"].well
        assert f"{tmp_path}/spill, this user's alone" in findings["spill"].text

        await tell(platform, PEOPLE[0], "forget", Kind.COMMAND)
        assert (await until(lambda s: s.kept.files < files, engine)).kept.files == files - 1
