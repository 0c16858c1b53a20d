"""Two instances and a real file: who writes it, who may act on it, and what the file remembers."""

import asyncio
import subprocess
import sys

import pytest
from sqlalchemy import Connection

from storage.database import Database
from storage.inbox import Inbox
from storage.records import Fenced
from storage.tenure import Standing
from storage.threads import left
from tests.unit.storage.machine import TTL_S, Machine, make_older
from tests.unit.storage.values import event


async def terms_of(db: Database) -> list[tuple[int, str, int | None]]:
    """Who had the lease, and how many commits came of it."""
    query = "SELECT epoch, holder, commits FROM lease_term ORDER BY epoch"
    return await db.read(
        lambda connection: [tuple(row) for row in connection.exec_driver_sql(query)]
    )


async def events_in(db: Database) -> list[str]:
    return [each.event.event_id for each in await Inbox(db).pending()]


async def test_who_comes_first_has_it_and_the_other_is_fenced(ann: Machine, bob: Machine) -> None:
    async with ann.opened():
        assert ann.lease.is_held
        with pytest.raises(Fenced, match="bot ann, whose last sign was 0 s ago"):
            async with bob.opened():
                pass
        assert not bob.lease.is_held


async def test_an_opening_that_nobody_waits_for_gives_it_back(ann: Machine, bob: Machine) -> None:
    opening = asyncio.create_task(ann.opened().__aenter__())
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait([opening])
    while await asyncio.to_thread(left):
        pass
    assert opening.cancelled()
    async with bob.opened():
        assert [ann.lease.is_held, bob.lease.is_held] == [False, True]


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


async def test_a_bot_that_shares_with_nobody_keeps_others_out(ann: Machine) -> None:
    async with Database(ann.path):
        with pytest.raises(Fenced, match="another Parley owns it"):
            async with ann.opened():
                pass
    async with ann.opened():
        with pytest.raises(Fenced, match="another Parley owns it"):
            async with Database(ann.path):
                pass


async def test_an_older_file_gets_its_lease_when_it_is_upgraded(ann: Machine) -> None:
    make_older(ann.path, "0007")
    assert ann.look() is Standing.FREE
    async with ann.opened() as db:
        assert [each[:2] for each in await terms_of(db)] == [(1, "ann")]
