"""Answers that are given again: found, bounded, and gone with whatever they came from."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from storage.audit import Audit
from storage.database import Database
from storage.known import Known, dropping, keeping
from storage.members import Members
from storage.records import AuditEntry, Place, RoomState, StandardAnswer
from storage.roster import RosterStore
from storage.standard import StandardStore
from storage.statement import Step
from storage.turns import Turns
from tests.unit.storage.values import KEY, NOON, turn

HOUR = timedelta(hours=1)
ROOM, OTHER = Place("page", "bot", "r"), Place("page", "bot", "r2")
ENTRY = AuditEntry("boss", "test", "")


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class House:
    """Two rooms that keep answers, and what is said in them."""

    def __init__(self, db: Database) -> None:
        self.db, self.clock = db, Clock()
        self.known = Known(db, clock=self.clock)
        self.turns = Turns(db, clock=self.clock)
        self.members = Members(db, clock=self.clock)
        self.roster = RosterStore(db, Audit(db, KEY), clock=self.clock)

    async def open(self) -> None:
        for place in (ROOM, OTHER):
            await self.roster.commit([self.roster.placing(RoomState(place, keeps_answers=True))])

    async def keep(
        self,
        turn_id: str,
        key: str = "k",
        *,
        room: str = "page:bot:r",
        answer: str = "",
        person: str = "ann",
        most: int = 9,
    ) -> None:
        kept = turn(turn_id, "q", "r", session=f"{room}:t", person=person, answer=answer or turn_id)
        await self.turns.commit(kept, also=[keeping(turn_id, room, key, HOUR, most)])

    async def found(self, key: str = "k", *, room: str = "page:bot:r") -> str | None:
        found = await self.known.find(room, key, HOUR)
        return found.id if found else None

    async def do(self, step: Step) -> None:
        now = self.clock()

        def op(connection: Connection) -> None:
            step(connection, now)

        await self.db.write(op)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with Database(tmp_path / "parley.db") as db:
        house = House(db)
        await house.open()
        yield house


async def test_what_is_kept_is_found_in_its_room_for_its_time(house: House) -> None:
    await house.keep("a")
    assert await house.found() == "a"
    assert (await house.known.find("page:bot:r", "k", HOUR) or turn("")).question == "q\nr"
    assert await house.found("other") is None
    assert await house.found(room="page:bot:r2") is None
    assert await house.known.counts(HOUR) == {"page:bot:r": 1}
    house.clock.now += HOUR
    assert await house.found() is None
    assert await house.known.counts(HOUR) == {}


async def test_the_last_one_counts_and_a_turn_stands_under_one_key(house: House) -> None:
    await house.keep("a")
    await house.keep("b")
    assert await house.found() == "b"
    await house.keep("b", "l")
    assert (await house.found(), await house.found("l")) == (None, "b")


async def test_the_oldest_go_when_there_are_too_many(house: House) -> None:
    for number, room in enumerate(["page:bot:r", "page:bot:r2", "page:bot:r"]):
        house.clock.now += timedelta(seconds=1)
        await house.keep(f"t{number}", f"k{number}", room=room, most=2)
    assert await house.found("k0") is None
    assert await house.known.counts(HOUR) == {"page:bot:r": 1, "page:bot:r2": 1}


async def test_what_is_too_old_goes_with_the_next_one(house: House) -> None:
    await house.keep("a")
    house.clock.now += HOUR
    await house.keep("b", "l")
    assert await house.known.counts(2 * HOUR) == {"page:bot:r": 1}


async def test_a_room_that_keeps_no_answers_gets_none_and_has_none_left(house: House) -> None:
    await house.keep("a")
    await house.keep("b", room="page:bot:r2")
    await house.roster.commit([house.roster.placing(RoomState(ROOM), [ENTRY])])
    await house.keep("c", "l")
    await house.keep("d", room="page:bot:unknown")
    await house.roster.commit([house.roster.placing(RoomState(ROOM, keeps_answers=True))])
    assert await house.known.counts(HOUR) == {"page:bot:r2": 1}
    assert [room.keeps_answers for room in (await house.roster.standing()).rooms] == [True, True]


async def test_it_goes_with_its_author(house: House) -> None:
    await house.keep("a")
    await house.keep("b", "l", person="bob")
    await house.members.forget("ann")
    assert (await house.found(), await house.found("l")) == (None, "b")


async def test_a_turn_that_changes_is_known_no_more(house: House) -> None:
    session = "page:bot:r:t"
    await house.keep("a")
    await house.turns.edit_message(session, "a-m1", "something else")
    assert await house.found() is None
    await house.keep("b")
    await house.turns.remove_message(session, "b-m1")
    assert await house.found() is None
    await house.keep("c")
    await house.turns.commit(turn("c", "q", session=session, answer="anew"))
    assert await house.found() is None


async def test_a_bad_answer_goes_from_its_room_whoever_found_it_bad(house: House) -> None:
    await house.keep("a", answer="42")
    await house.keep("b", "l", answer="43")
    await house.keep("c", room="page:bot:r2", answer="42")
    await house.turns.commit(turn("copy", "q", session="page:bot:r", person="bob", answer="42"))
    await house.do(dropping("copy"))
    assert (await house.found(), await house.found("l")) == (None, "b")
    assert await house.found(room="page:bot:r2") == "c"
    await house.do(dropping("nothing"))
    assert await house.found("l") == "b"


async def test_it_moves_with_its_room(house: House) -> None:
    await house.keep("a")
    await house.keep("b", "l")
    await house.keep("new", "l", room="page:bot:r2")
    await house.roster.move_room(ROOM, OTHER, [], ENTRY)
    assert await house.found() is None
    assert await house.found(room="page:bot:r2") == "a"
    assert await house.known.counts(HOUR) == {"page:bot:r2": 2}


async def test_standard_answers_are_kept_with_their_audit(tmp_path: Path) -> None:
    async with Database(tmp_path / "parley.db") as db:
        audit = Audit(db, KEY)
        store, roster = StandardStore(db, audit), RosterStore(db, audit)
        first = StandardAnswer("wifi", ("*wifi*", "密码"), "{name}: it's on the wall", "en")
        await roster.commit([store.keeping(first, ENTRY)])
        await roster.commit([store.keeping(StandardAnswer("a", ("b",), "c", enabled=False), ENTRY)])
        assert await store.all() == [StandardAnswer("a", ("b",), "c", enabled=False), first]
        await roster.commit([store.keeping(StandardAnswer("a", ("b",), "d"), ENTRY)])
        await roster.commit([store.removing("wifi", ENTRY)])
        assert await store.all() == [StandardAnswer("a", ("b",), "d")]
