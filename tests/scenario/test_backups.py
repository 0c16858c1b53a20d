"""Backups by the clock: taken, rotated, tried again, and told of to whoever runs the bot."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from bot.backups import FIRST_RETRY_S, Backups
from bot.erasures import Erasures
from bot.health import Metrics
from storage.audit import Audit
from storage.backup import Copies, check
from storage.database import Database
from storage.former import Formers
from storage.key import Key, Keyring
from storage.ledger import Ledger
from storage.members import Members
from storage.records import Corrupt, Held, Unavailable, WrongKey
from storage.rekey import rekey
from storage.store import Local
from storage.turns import Turns
from storage.vault import MARK, Vault
from tests.scenario.bots import running_bot
from tests.scenario.test_admin import house, tell
from tests.unit.storage.values import KEY, turn

CANARY = "canary-51d0"
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
        async with asyncio.timeout(300):
            await self.stopped.wait()
        work.cancel()
        await asyncio.wait({work})


@dataclass(frozen=True, slots=True)
class Kept:
    """A database, and what is kept of it elsewhere."""

    db: Database
    vault: Vault
    erasures: Erasures
    clock: Clock
    metrics: Metrics

    def backups(self) -> Backups:
        clock = self.clock
        return Backups(self.vault, self.erasures, time(3, 30), self.metrics, clock, clock.sleep)


@asynccontextmanager
async def keeping(tmp_path: Path, *keys: Key) -> AsyncGenerator[Kept]:
    async with Database(tmp_path / "parley.db", key=keys[0] if keys else None) as db:
        if not await Turns(db).count():
            await Turns(db).commit(turn("t1", CANARY))
        audit, clock = Audit(db, KEY), Clock()
        vault = Vault(tmp_path / "nas", "parley", Copies(db, audit, tmp_path / "scratch", keys))
        erasures = Erasures(Local(db), audit, vault, Formers(db.path, db.path, db), clock)
        yield Kept(db, vault, erasures, clock, Metrics())


def holders(directory: Path) -> list[str]:
    return [file.name for file in directory.iterdir() if CANARY.encode() in file.read_bytes()]


async def test_one_is_taken_each_day_and_the_first_at_once(tmp_path: Path) -> None:
    async with keeping(tmp_path) as kept:
        backups = kept.backups()
        await kept.clock.run(backups, START + timedelta(days=2, hours=1))
        taken = [each.taken for each in await kept.vault.backups()]
        assert taken[0] == START
        assert len(taken) == 3
        assert backups.part().ready
        assert "3 kept" in backups.part().detail


async def test_a_failure_is_tried_again_and_told_of(tmp_path: Path) -> None:
    (tmp_path / "nas").touch()
    async with keeping(tmp_path) as kept:
        backups, clock = kept.backups(), kept.clock
        await clock.run(backups, START + timedelta(seconds=3 * FIRST_RETRY_S))
        assert clock.waits == [FIRST_RETRY_S, 2 * FIRST_RETRY_S]
        assert not backups.part().ready
        assert "nas: it can't be read or written" in backups.part().detail
        assert b"parley_backup_failures_total 2.0" in exposed(kept.metrics)
        assert b"parley_backup_age_seconds +Inf" in exposed(kept.metrics)
        (tmp_path / "nas").unlink()
        await clock.run(backups, clock.now + timedelta(hours=1))
        assert backups.part().ready
        assert b"+Inf" not in exposed(kept.metrics).partition(b"parley_backup_age_seconds ")[2][:9]


async def test_what_was_erased_goes_from_backups_and_then_the_receipt_closes(
    tmp_path: Path,
) -> None:
    async with keeping(tmp_path) as kept:
        backups = kept.backups()
        await kept.clock.run(backups, START + timedelta(days=1, hours=1))
        held = sorted(holders(tmp_path / "nas"))
        assert len(held) == 2
        members = Members(kept.db, clock=kept.clock)
        receipt = (await members.forget("ann")).receipt
        await kept.erasures.settle()
        [waiting] = await kept.erasures.receipts.open()
        assert (waiting.id, waiting.person) == (receipt.id, "ann")
        assert waiting.held.backups == tuple(held)
        await Turns(kept.db).commit(turn("t2", "later"))
        await kept.clock.run(backups, kept.clock.now + timedelta(days=1))
        assert holders(tmp_path / "nas") == []
        assert await kept.erasures.receipts.open() == []
        [closed] = await kept.erasures.receipts.all()
        assert (closed.id, closed.person, closed.closed_at is None) == (receipt.id, "", False)
    newest_last = sorted((tmp_path / "nas").glob("*.db"))
    assert len(newest_last) == 3
    for file, turns in zip(newest_last, (0, 0, 1), strict=True):
        async with Database(file) as copy:
            assert await Turns(copy).count() == turns
            assert (await check(copy)).problems == ()


@pytest.mark.parametrize("is_there", [True, False])
async def test_while_the_directory_is_away_no_receipt_closes_and_no_backup_is_taken(
    tmp_path: Path, *, is_there: bool
) -> None:
    nas, unplugged = tmp_path / "nas", tmp_path / "unplugged"
    async with keeping(tmp_path) as kept:
        await kept.vault.add(START)
        [held] = holders(nas)
        nas.rename(unplugged)
        if is_there:  # what a mount point is when nothing is mounted on it
            nas.mkdir()
        await Members(kept.db, clock=kept.clock).forget("ann")
        later = START + timedelta(days=1)
        for work in (
            kept.erasures.settle(),
            kept.erasures.settle(clean=True),
            kept.vault.add(later),
        ):
            with pytest.raises(Unavailable, match="mount its file system"):
                await work
        assert nas.exists() == is_there
        assert not is_there or list(nas.iterdir()) == []
        [waiting] = await kept.erasures.receipts.open()
        assert (waiting.person, waiting.held.backups) == ("ann", (held,))
        await Erasures(
            Local(kept.db), Audit(kept.db, KEY), None, Formers(kept.db.path, kept.db.path, kept.db)
        ).settle()
        assert await kept.erasures.receipts.open() == [waiting]
        if is_there:
            nas.rmdir()
        unplugged.rename(nas)
        await kept.erasures.settle(clean=True)
        assert holders(nas) == []
        assert await kept.erasures.receipts.open() == []


async def test_backups_deleted_by_hand_hold_nothing_any_more(tmp_path: Path) -> None:
    async with keeping(tmp_path) as kept:
        await kept.vault.add(START)
        await Members(kept.db, clock=kept.clock).forget("ann")
        for file in (tmp_path / "nas").glob("*.db"):
            file.unlink()
        await kept.erasures.settle()
        assert await kept.erasures.receipts.open() == []


async def test_backups_of_before_there_was_a_mark_are_known_from_now_on(tmp_path: Path) -> None:
    nas = tmp_path / "nas"
    async with keeping(tmp_path) as kept:
        backup = await kept.vault.add(START)
        (nas / MARK).unlink()
        ledger = Ledger(kept.db)
        await ledger.change([], [backup.name])
        assert await kept.vault.backups() == await ledger.known() == [backup]
        assert (nas / MARK).exists()


async def test_a_backup_that_cannot_be_cleaned_stays_and_keeps_the_receipt_open(
    tmp_path: Path,
) -> None:
    nas = tmp_path / "nas"
    async with keeping(tmp_path) as kept:
        first, _ = [await kept.vault.add(START + timedelta(days=day)) for day in range(2)]
        damaged = b"no database: " + CANARY.encode()
        (nas / first.name).write_bytes(damaged)
        await Members(kept.db, clock=kept.clock).forget("ann")
        with pytest.raises(Corrupt, match=rf"{first.name}: what was erased is still in this"):
            await kept.erasures.settle(clean=True)
        assert holders(nas) == [first.name]
        assert (nas / first.name).read_bytes() == damaged
        assert len(await kept.erasures.receipts.open()) == 1
        (nas / first.name).unlink()
        await kept.erasures.settle(clean=True)
        assert await kept.erasures.receipts.open() == []


async def test_a_failed_cleaning_is_told_of_until_it_succeeds(tmp_path: Path) -> None:
    nas = tmp_path / "nas"
    async with keeping(tmp_path) as kept:
        backups, clock = kept.backups(), kept.clock
        yesterday = await kept.vault.add(START - timedelta(days=1))
        file = nas / yesterday.name
        file.write_bytes(b"damaged")
        await Members(kept.db, clock=clock).forget("ann")
        await clock.run(backups, START + timedelta(seconds=3 * FIRST_RETRY_S))
        assert clock.waits == [FIRST_RETRY_S, 2 * FIRST_RETRY_S]
        assert not backups.part().ready
        assert f"{file.name}: what was erased is still in this" in backups.part().detail
        assert len(await kept.vault.backups()) == 2
        file.unlink()
        await clock.run(backups, clock.now + timedelta(hours=1))
        assert backups.part().ready
        assert await kept.erasures.receipts.open() == []


async def test_a_receipt_that_is_long_overdue_is_told_of(tmp_path: Path) -> None:
    async with keeping(tmp_path) as kept:
        await kept.vault.add(START)
        clock = kept.clock
        await Members(kept.db, clock=clock).forget("ann", held=Held((), START + timedelta(hours=1)))
        erasures = Erasures(
            Local(kept.db),
            Audit(kept.db, KEY),
            None,
            Formers(kept.db.path, kept.db.path, kept.db),
            clock,
        )
        await erasures.settle()
        clock.now += timedelta(hours=3)
        with pytest.raises(Unavailable, match="should have gone by 2026-05-05 04:30 UTC"):
            await erasures.settle()


async def test_a_backup_of_a_former_key_is_cleaned_and_one_of_a_lost_key_stays(
    tmp_path: Path,
) -> None:
    nas, lost, former, key = tmp_path / "nas", *(Key(digit * 64) for digit in "abc")
    path = tmp_path / "parley.db"

    def change(new: Key, old: Key) -> None:
        rekey(path, Keyring(new, (old,)), Audit(Database(path), KEY))

    for day, (each, following) in enumerate([(lost, former), (former, key)]):
        async with keeping(tmp_path, each) as kept:
            await kept.vault.add(START + timedelta(days=day))
        await asyncio.to_thread(change, following, each)
    first, second = sorted(file.name for file in nas.glob("*.db"))
    async with keeping(tmp_path, key, former) as kept:
        await Members(kept.db, clock=kept.clock).forget("ann")
        with pytest.raises(WrongKey, match=rf"{first}: what was erased is still in this"):
            await kept.erasures.settle(clean=True)
        assert len(await kept.erasures.receipts.open()) == 1
    kept_name, cleaned = sorted(file.name for file in nas.glob("*.db"))
    assert kept_name == first
    assert cleaned != second
    async with Database(nas / cleaned, key=key) as copy:
        assert await Turns(copy).count() == 0


async def test_what_was_left_of_a_backup_that_never_came_goes_with_the_rotation(
    tmp_path: Path,
) -> None:
    nas = tmp_path / "nas"
    async with keeping(tmp_path) as kept:
        backup = await kept.vault.add(START)
        others = {".other-20260504T033000Z.db.part", ".parley-notes.db.part", "mine.part"}
        for name in (".parley-20260504T033000Z.db.part", *others):
            (nas / name).touch()
        await kept.vault.rotate()
        assert {file.name for file in nas.iterdir()} == {MARK, backup.name, *others}


async def test_a_new_key_takes_a_backup_along_and_touches_nothing_else_there(
    tmp_path: Path,
) -> None:
    nas, former, key = tmp_path / "nas", Key("a" * 64), Key("b" * 64)
    path = tmp_path / "parley.db"
    async with keeping(tmp_path, former) as kept:
        backup = await kept.vault.add(START)
        other = await kept.vault.add(START + timedelta(days=1))
    (nas / other.name).write_bytes(b"damaged")
    await asyncio.to_thread(rekey, path, Keyring(key, (former,)), Audit(Database(path), KEY))
    async with keeping(tmp_path, key, former) as kept:
        assert await kept.vault.rekey(backup)
        assert not await kept.vault.rekey(backup)
        with pytest.raises(Corrupt):
            await kept.vault.rekey(other)
    assert (nas / other.name).read_bytes() == b"damaged"
    assert {file.name for file in nas.iterdir()} == {MARK, backup.name, other.name}
    assert list((tmp_path / "scratch").iterdir()) == []
    async with Database(nas / backup.name, key=key) as copy:
        assert (await check(copy)).problems == ()


async def test_a_running_bot_tells_its_administrators(tmp_path: Path) -> None:
    left = tmp_path / ".parley.db.1234.copy-journal"
    left.touch()
    settings = house(
        tmp_path, storage={"path": tmp_path / "parley.db", "backup_dir": tmp_path / "nas"}
    )
    async with running_bot(settings) as bot:
        backups = bot.running.desk.backups
        assert backups
        await bot.until(lambda: len(backups.state.kept) == 1)
        assert not left.exists()
        assert "- backup: last 20" in await tell(bot, "admin stats")
        readiness = await bot.app.readiness(bot.running.desk)
        assert readiness.parts["backup"].ready
        assert not readiness.parts["backup"].essential
        told = await tell(bot, "forget")
        assert "Backups that hold it still: 1." in told
        assert backups.state.kept[0].name in told
    [file] = (tmp_path / "nas").glob("*.db")
    async with Database(file) as copy:
        assert await copy.writable()


def exposed(metrics: Metrics) -> bytes:
    return generate_latest(metrics.registry)
