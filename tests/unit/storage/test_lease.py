"""Two instances and a real file: who writes it, who may act on it, and what the file remembers."""

import asyncio
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from storage import migrations
from storage.beat import keep, keeping
from storage.connection import Connector
from storage.database import Database
from storage.inbox import Inbox
from storage.lease import Lease, grip_in
from storage.pragmas import DIRECT
from storage.records import Fenced
from storage.tenure import BEATS, Standing, Terms, Wish
from tests.unit.storage.values import NOON, event

TTL_S = 30.0


@dataclass
class Machine:
    """A bot's side of the lease on the file that both share; its clock stands until it is set."""

    path: Path
    name: str
    clock: list[float] = field(default_factory=lambda: [1_000.0])
    is_automatic: bool = True

    def __post_init__(self) -> None:
        terms = Terms(self.name, TTL_S, self.is_automatic)
        self.lease = Lease(terms, f"bot {self.name}", lambda: self.clock[0], lambda: NOON)

    def opened(self) -> Database:
        return Database(self.path, custody=self.lease, pragmas=DIRECT)

    def look(self) -> Standing:
        connection = Connector(self.path, DIRECT).open(read_only=True)
        self.lease.see(grip_in(connection))
        connection.close()
        return self.lease.standing

    def wait(self, seconds: float) -> None:
        self.clock[0] += seconds


@pytest.fixture
def ann(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "shared.db", "ann")


@pytest.fixture
def bob(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "shared.db", "bob")


async def terms_of(db: Database) -> list[tuple[int, str, int | None]]:
    """Who had the lease, and how many commits came of it."""
    query = "SELECT epoch, holder, commits FROM lease_term ORDER BY epoch"
    return await db.read(
        lambda connection: [tuple(row) for row in connection.exec_driver_sql(query)]
    )


def _beat(connection: Connection) -> int:
    return connection.exec_driver_sql("SELECT beat FROM lease").scalar_one()


async def events_in(db: Database) -> list[str]:
    return [each.event.event_id for each in await Inbox(db).pending()]


def _make(path: Path, revision: str) -> None:
    """A file as an older program left it."""
    path.touch()
    connection = Connector(path, DIRECT).open()
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    migrations.upgrade(connection, revision)
    connection.commit()
    connection.close()


async def test_who_comes_first_has_it_and_the_other_is_fenced(ann: Machine, bob: Machine) -> None:
    async with ann.opened():
        assert ann.lease.is_held
        with pytest.raises(Fenced, match="bot ann, whose last sign was 0 s ago"):
            async with bob.opened():
                pass
        assert not bob.lease.is_held


async def test_each_commit_is_a_beat(ann: Machine, bob: Machine) -> None:
    async with ann.opened() as db:
        await Inbox(db).record([event("e1")])
        bob.look()
        bob.wait(TTL_S - 1)
        await Inbox(db).record([event("e2")])
        bob.look()
        bob.wait(TTL_S - 1)
        assert bob.look() is Standing.HELD
        bob.wait(2)
        assert bob.look() is Standing.STALE


async def test_a_stale_write_is_refused_and_leaves_nothing(ann: Machine, bob: Machine) -> None:
    async with ann.opened() as stale:
        await Inbox(stale).record([event("e1")])
        bob.look()
        bob.wait(TTL_S + 1)
        async with bob.opened() as db:
            await Inbox(db).record([event("e2")])
            with pytest.raises(Fenced, match="epoch 1"):
                await Inbox(stale).record([event("e3")])
            with pytest.raises(Fenced):
                stale.assert_held()
            assert await events_in(db) == ["e1", "e2"]
            assert bob.lease.epoch == 2
            db.assert_held()


_TRY = """
import fcntl, sys
with open(sys.argv[1], "r+b") as journal:
    fcntl.lockf(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
"""
"""Another process tries to lock the journal for itself."""


async def test_a_transaction_locks_its_journal(ann: Machine) -> None:
    journal = ann.path.with_name(f"{ann.path.name}-journal")

    def tried(connection: Connection | None = None) -> str:
        program = [sys.executable, "-c", _TRY, str(journal)]
        if connection:
            connection.exec_driver_sql("UPDATE lease SET label = label")
        return subprocess.run(program, capture_output=True, text=True, check=False).stderr

    async with ann.opened() as db:
        for _ in range(2):
            assert "BlockingIOError" in await db.write(tried)
        assert tried() == ""
        journal.unlink()  # as whoever rolled it back may do
        journal.touch()
        assert "BlockingIOError" in await db.write(tried)


async def test_the_file_tells_of_every_term(ann: Machine, bob: Machine) -> None:
    async with ann.opened() as db:
        for number in range(3):
            await Inbox(db).record([event(f"e{number}")])
        bob.look()
        bob.wait(TTL_S + 1)
        async with bob.opened() as db:
            first, second = await terms_of(db)
            assert first == (1, "ann", 4)  # the writer's first connection is one of them
            assert second == (2, "bob", None)


async def test_a_holder_stops_before_another_may_begin(ann: Machine) -> None:
    async with ann.opened() as db:
        await Inbox(db).record([event("e1")])
        ann.wait(0.6 * TTL_S - 0.1)
        db.assert_held()
        ann.wait(0.2)
        with pytest.raises(Fenced, match="may be another bot's by now"):
            db.assert_held()
        await Inbox(db).record([event("e2")])  # nobody took it: the file still says so
        db.assert_held()


async def test_a_restarted_bot_takes_its_own_at_once(ann: Machine) -> None:
    async with ann.opened() as db:
        await Inbox(db).record([event("e1")])
        again = Machine(ann.path, "ann")
        assert again.look() is Standing.OWN
        async with again.opened() as db:
            assert again.lease.epoch == 2
            assert await events_in(db) == ["e1"]


async def test_a_holder_that_slept_takes_it_anew(ann: Machine, bob: Machine) -> None:
    async with ann.opened():
        bob.look()
        for machine in (ann, bob):
            machine.wait(TTL_S + 1)
        async with bob.opened():
            pass
    assert ann.look() is Standing.FREE
    async with ann.opened() as db:
        assert ann.lease.epoch == 3
        await Inbox(db).record([event("e1")])


async def test_given_up_it_is_the_others_and_not_taken_back(ann: Machine, bob: Machine) -> None:
    async with ann.opened():
        pass
    assert ann.look() is Standing.HELD
    assert bob.look() is Standing.FREE
    async with bob.opened():
        assert bob.lease.epoch == 2
        assert ann.look() is Standing.HELD


async def test_what_nobody_took_is_taken_back(ann: Machine) -> None:
    async with ann.opened():
        pass
    ann.look()
    ann.wait(TTL_S + 1)
    assert ann.look() is Standing.FREE
    async with ann.opened():
        assert ann.lease.epoch == 2


async def test_where_locks_may_stay_a_person_has_to_say_so(ann: Machine, tmp_path: Path) -> None:
    bob = Machine(tmp_path / "shared.db", "bob", is_automatic=False)
    async with ann.opened():
        bob.look()
        bob.wait(TTL_S + 1)
        assert bob.look() is Standing.STALE
        assert not bob.lease.is_to_be_taken
        bob.lease.want(Wish.TAKE, TTL_S)
        assert bob.lease.is_to_be_taken
        async with bob.opened():
            assert bob.lease.epoch == 2
            assert bob.lease.wish is Wish.NONE


async def test_a_wish_ends_with_a_sign_of_the_holder(ann: Machine, tmp_path: Path) -> None:
    """Else this bot would take over by itself, days later, where only a person may say so."""
    bob = Machine(tmp_path / "shared.db", "bob", is_automatic=False)
    async with ann.opened() as db:
        bob.look()
        bob.wait(TTL_S + 1)
        bob.lease.want(Wish.TAKE, 3 * TTL_S)
        await Inbox(db).record([event("e1")])
        with pytest.raises(Fenced):
            async with bob.opened():
                pass
        bob.wait(TTL_S + 1)
        assert bob.look() is Standing.STALE
        assert not bob.lease.is_to_be_taken


@pytest.mark.parametrize("wish", [Wish.TAKE, Wish.FORCE])
async def test_a_wish_ends_when_nobody_waits_for_it(
    ann: Machine, tmp_path: Path, wish: Wish
) -> None:
    bob = Machine(tmp_path / "shared.db", "bob", is_automatic=False)
    async with ann.opened():
        bob.look()
        bob.wait(TTL_S + 1)
        bob.lease.want(wish, 2 * TTL_S)
        bob.wait(2 * TTL_S - 1)
        assert bob.lease.is_to_be_taken
        bob.wait(2)
        assert bob.look() is Standing.STALE
        assert not bob.lease.is_to_be_taken


async def test_forced_it_is_taken_from_a_living_one(ann: Machine, bob: Machine) -> None:
    async with ann.opened() as stale:
        bob.look()
        bob.lease.want(Wish.FORCE, TTL_S)
        async with bob.opened():
            with pytest.raises(Fenced):
                await Inbox(stale).record([event("e1")])


async def test_a_bot_that_shares_with_nobody_keeps_others_out(ann: Machine) -> None:
    async with Database(ann.path):
        with pytest.raises(Fenced, match="another Parley owns it"):
            async with ann.opened():
                pass
    async with ann.opened():
        with pytest.raises(Fenced, match="another Parley owns it"):
            async with Database(ann.path):
                pass


async def test_what_lapsed_is_given_up_for_anybody(ann: Machine, bob: Machine) -> None:
    async with ann.opened():
        ann.wait(TTL_S)
        assert not ann.lease.is_held
    assert ann.look() is Standing.FREE
    assert bob.look() is Standing.FREE


async def test_what_is_anothers_is_not_given_up(ann: Machine, bob: Machine) -> None:
    async with ann.opened() as stale:
        bob.look()
        for machine in (ann, bob):
            machine.wait(TTL_S + 1)
        async with bob.opened() as db:
            await stale.close()
            await Inbox(db).record([event("e1")])
            assert ann.look() is Standing.HELD


async def test_who_only_reads_keeps_it(ann: Machine) -> None:
    ann.lease.terms = replace(ann.lease.terms, ttl_s=3)
    async with ann.opened() as db, keeping(ann.lease, db), asyncio.timeout(60):
        while await db.read(_beat) < 2:
            await asyncio.sleep(0.01)


async def test_an_older_file_gets_its_lease_when_it_is_upgraded(ann: Machine) -> None:
    _make(ann.path, "0007")
    assert ann.look() is Standing.FREE
    async with ann.opened() as db:
        assert [each[:2] for each in await terms_of(db)] == [(1, "ann")]


async def test_an_idle_holder_keeps_it(ann: Machine, bob: Machine) -> None:
    """Until it is another's."""
    ann.lease.terms = replace(ann.lease.terms, ttl_s=0.5)
    async with ann.opened() as db:
        keeping = asyncio.create_task(keep(ann.lease, db))
        seen: set[int] = set()
        async with asyncio.timeout(60):
            while len(seen) < BEATS:
                bob.look()
                assert bob.lease.watch.grip
                seen.add(bob.lease.watch.grip.beat)
                await asyncio.sleep(0.01)
        assert not keeping.done()
        bob.lease.want(Wish.FORCE, TTL_S)
        async with bob.opened(), asyncio.timeout(60):
            await keeping


async def test_a_holder_that_was_slow_to_begin_keeps_it(ann: Machine, bob: Machine) -> None:
    """Minutes may lie between opening the file and the first beat. What lapsed is asked for."""
    async with ann.opened() as db:
        ann.wait(TTL_S + 1)
        assert not ann.lease.is_held
        keeping = asyncio.create_task(keep(ann.lease, db))
        async with asyncio.timeout(60):
            while not ann.lease.is_held:
                await asyncio.sleep(0.01)
        assert not keeping.done()
        keeping.cancel()
        bob.look()
        bob.wait(TTL_S + 1)
        ann.wait(TTL_S + 1)
        async with bob.opened(), asyncio.timeout(60):
            await keep(ann.lease, db)
        assert not ann.lease.is_held


async def test_a_lapsed_lease_that_cannot_be_confirmed_is_not_kept(ann: Machine) -> None:
    async with ann.opened() as db:
        ann.wait(TTL_S + 1)
        await db.close()
        async with asyncio.timeout(60):
            await keep(ann.lease, db)


async def test_what_is_committed_while_it_is_opened_counts(ann: Machine) -> None:
    """The lease is taken, and then the file is upgraded, for as long as it takes."""
    _make(ann.path, "0008")
    lease = Lease(ann.lease.terms, "bot ann", lambda: 2 * TTL_S if lease.epoch else 0, lambda: NOON)
    async with Database(ann.path, custody=lease, pragmas=DIRECT):
        assert lease.is_held
