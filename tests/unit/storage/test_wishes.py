"""Where a person has a say in who gets the lease."""

from pathlib import Path

import pytest

from storage.inbox import Inbox
from storage.records import Fenced
from storage.tenure import Standing, Wish
from tests.unit.storage.machine import TTL_S, Machine
from tests.unit.storage.values import event


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
