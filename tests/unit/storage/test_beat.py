"""Who holds the lease keeps it by signs of life, and stops acting before another may begin."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from storage.beat import keep, keeping
from storage.database import Database
from storage.inbox import Inbox
from storage.lease import Lease
from storage.pragmas import DIRECT
from storage.records import Fenced
from storage.tenure import BEATS, Wish
from tests.unit.storage.machine import TTL_S, Machine, make_older
from tests.unit.storage.values import NOON, event


def _beat(connection: Connection) -> int:
    return connection.exec_driver_sql("SELECT beat FROM lease").scalar_one()


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


async def test_who_only_reads_keeps_it(ann: Machine) -> None:
    ann.lease.terms = replace(ann.lease.terms, ttl_s=3)
    async with ann.opened() as db, keeping(ann.lease, db), asyncio.timeout(60):
        while await db.read(_beat) < 2:
            await asyncio.sleep(0.01)


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
    make_older(ann.path, "0008")
    lease = Lease(ann.lease.terms, "bot ann", lambda: 2 * TTL_S if lease.epoch else 0, lambda: NOON)
    async with Database(ann.path, custody=lease, pragmas=DIRECT):
        assert lease.is_held
