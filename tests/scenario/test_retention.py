"""How long conversations are kept: said by administrators, carried out by the running bot."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bot.access import Role
from bot.texts import texts_for
from storage.audit import Audit
from storage.turns import Turns
from tests.scenario.bots import Bot, running_bot
from tests.scenario.test_admin import BOSS, entries, house, make, tell
from tests.unit.bot.events import ANN
from tests.unit.storage.values import turn

TEXTS = texts_for("en")
OLD = "fake:bot:room"


async def said_long_ago(bot: Bot) -> None:
    """Something a month old, in the room's conversation and in another."""
    turns: Turns = bot.running.desk.memory.turns
    for session in (OLD, "fake:bot:else"):
        said = turn(session, "long ago", session=session, person="fake:bot:ann")
        await turns.commit(replace(said, created_at=datetime(2020, 1, 1, tzinfo=UTC)))


async def test_an_administrator_says_how_long_and_it_is_written_down(tmp_path: Path) -> None:
    storage = {"path": tmp_path / "parley.db", "retention_days": 90}
    async with running_bot(house(tmp_path, storage=storage)) as bot:
        await make(bot, ANN, Role.MEMBER)
        denied = await tell(bot, "admin retention 1 everywhere", ANN)
        assert denied == TEXTS.not_allowed.format(name="admin")
        assert "`fake:bot:room` holds now: kept for 7 d" in await tell(
            bot, "admin retention 7 fake:bot:room"
        )
        assert "`everywhere` holds now: kept for ever" in await tell(
            bot, "admin retention off everywhere"
        )
        listed = await tell(bot, "admin retention")
        assert "- `everywhere`: kept for ever\n- `fake:bot:room`: kept for 7 d" in listed
        await tell(bot, "admin retention default everywhere")
        assert bot.running.desk.expiry.retention.days == 90
        boss = f"fake:bot:{BOSS.id}"
        assert await entries(bot) == [
            ("fake:bot:ann", "admin retention", "", "denied"),
            (boss, "admin retention", "fake:bot:room", "done"),
            (boss, "admin retention", "everywhere", "done"),
            (boss, "admin retention", "", "done"),
            (boss, "admin retention", "everywhere", "done"),
        ]
        for wrong in ("0 everywhere", "many everywhere", "7", "7 nowhere", "40000 everywhere"):
            assert "`/admin retention" in await tell(bot, f"admin retention {wrong}")
        audit: Audit = bot.running.desk.audit
        assert (await audit.verify()).faults == ()


async def test_what_is_kept_no_longer_is_gone_from_window_and_engine(tmp_path: Path) -> None:
    async with running_bot(house(tmp_path)) as bot:
        desk = bot.running.desk
        await said_long_ago(bot)
        await tell(bot, f"admin retention 7 {OLD}")
        await desk.expiry.sweep()
        assert await desk.memory.turns.recent(OLD, 9) == []
        assert len(await desk.memory.turns.recent("fake:bot:else", 9)) == 1
        assert OLD in bot.engine.forgotten
        [entry] = [e for e in await desk.audit.latest(9) if e.action == "retention"]
        assert '"turns": 1' in entry.detail
