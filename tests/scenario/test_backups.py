"""Backups by the clock: taken, rotated, tried again, and told of to whoever runs the bot."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from bot.backups import FIRST_RETRY_S, Backups
from bot.health import Metrics
from storage.audit import Audit
from storage.backup import Copies
from storage.database import Database
from storage.turns import Turns
from storage.vault import Vault
from tests.scenario.bots import running_bot
from tests.scenario.test_admin import house, tell
from tests.unit.storage.values import KEY, turn

START = datetime(2026, 5, 5, 3, 30, tzinfo=UTC)


class Clock:
    """A clock that runs by being waited on, for as long as the test allows."""

    def __init__(self) -> None:
        self.now = START
        self.waits: list[float] = []
        self._until = asyncio.Semaphore(0)

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += timedelta(seconds=seconds)
        if self.now >= self.end:
            self.stopped.set()
            await asyncio.Event().wait()

    async def run(self, backups: Backups, end: datetime) -> None:
        """Let the work go on until that moment."""
        self.end, self.stopped = end, asyncio.Event()
        work = asyncio.create_task(backups.run())
        async with asyncio.timeout(60):
            await self.stopped.wait()
        work.cancel()
        await asyncio.wait({work})


@asynccontextmanager
async def vault(tmp_path: Path) -> AsyncGenerator[Vault]:
    async with Database(tmp_path / "parley.db") as db:
        await Turns(db).commit(turn("t1", "hi"))
        yield Vault(tmp_path / "nas", "parley", Copies(db, Audit(db, KEY), tmp_path / "scratch"))


async def test_one_is_taken_each_day_and_the_first_at_once(tmp_path: Path) -> None:
    async with vault(tmp_path) as kept:
        clock, metrics = Clock(), Metrics()
        backups = Backups(kept, time(3, 30), metrics, clock, clock.sleep)
        await clock.run(backups, START + timedelta(days=2, hours=1))
        taken = [each.taken for each in await kept.backups()]
        assert taken[0] == START
        assert len(taken) == 3
        assert backups.part().ready
        assert "3 kept" in backups.part().detail
        assert b"parley_backup_age_seconds" in _exposed(metrics)


async def test_a_failure_is_tried_again_and_told_of(tmp_path: Path) -> None:
    (tmp_path / "nas").touch()
    async with vault(tmp_path) as kept:
        clock, metrics = Clock(), Metrics()
        backups = Backups(kept, time(3, 30), metrics, clock, clock.sleep)
        await clock.run(backups, START + timedelta(seconds=3 * FIRST_RETRY_S))
        assert clock.waits == [FIRST_RETRY_S, 2 * FIRST_RETRY_S]
        assert not backups.part().ready
        assert "nas: it can't be read or written" in backups.part().detail
        assert b"parley_backup_failures_total 2.0" in _exposed(metrics)
        assert b"parley_backup_age_seconds +Inf" in _exposed(metrics)
        (tmp_path / "nas").unlink()
        await clock.run(backups, clock.now + timedelta(hours=1))
        assert backups.part().ready


async def test_a_running_bot_tells_its_administrators(tmp_path: Path) -> None:
    settings = house(
        tmp_path, storage={"path": tmp_path / "parley.db", "backup_dir": tmp_path / "nas"}
    )
    async with running_bot(settings) as bot:
        backups = bot.running.desk.backups
        assert backups
        await bot.until(lambda: len(backups.state.kept) == 1)
        assert "- backup: last 20" in await tell(bot, "admin stats")
        readiness = await bot.app.readiness()
        assert readiness.parts["backup"].ready
        assert not readiness.parts["backup"].essential
    [file] = (tmp_path / "nas").iterdir()
    async with Database(file) as copy:
        assert await copy.writable()


def _exposed(metrics: Metrics) -> bytes:
    from prometheus_client import generate_latest

    return generate_latest(metrics.registry)
