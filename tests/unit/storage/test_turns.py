"""Turns are numbered, replaced, corrected and removed; a commit takes everything with it."""

import asyncio
from dataclasses import replace
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from storage.database import Database
from storage.inbox import Inbox
from storage.outbox import Outbox
from storage.records import Body
from storage.turns import Turns
from tests.unit.storage.values import destination, event, turn


async def test_a_commit_takes_turn_bodies_and_events_together(
    turns: Turns, outbox: Outbox, inbox: Inbox
) -> None:
    (row,) = (await inbox.record([event()])).new
    value = replace(turn("t1", "hi", "and?"), stopped=True, model="m", usage='{"n":1}')
    kept = await turns.commit(value, destination(), [Body(0, "An answer.")], [row.id])
    assert kept == replace(value, number=1)
    assert await turns.get("t1") == kept
    assert [part.body for part in await outbox.parts("t1")] == ["An answer."]
    assert await inbox.pending() == []


async def test_a_turn_that_goes_nowhere_has_no_parts(turns: Turns, outbox: Outbox) -> None:
    await turns.commit(turn("t1", "hi"))
    assert await outbox.parts("t1") == []


async def test_a_failing_commit_leaves_nothing(turns: Turns, outbox: Outbox, inbox: Inbox) -> None:
    (row,) = (await inbox.record([event()])).new
    unspeakable = [Body(0, "fine"), Body(1, "\ud800")]
    (failed,) = await asyncio.gather(
        turns.commit(turn("t1", "hi"), destination(), unspeakable, [row.id]),
        return_exceptions=True,
    )
    assert isinstance(failed, UnicodeEncodeError)
    assert await turns.count() == 0
    assert await outbox.parts("t1") == []
    assert len(await inbox.pending()) == 1
    assert (await turns.commit(turn("t2", "hi"))).number == 1


async def test_answering_again_replaces_the_turn_and_keeps_its_number(turns: Turns) -> None:
    await turns.commit(turn("t1", "hi"))
    await turns.commit(turn("t2", "more"))
    again = await turns.commit(turn("t1", "hi, corrected", answer="Another."))
    assert again.number == 1
    assert [value.answer for value in await turns.recent("s-ann", 10)] == ["Another.", "An answer."]
    assert (await turns.commit(turn("t3", "on"))).number == 3


async def test_recent_is_the_last_ones_of_the_session_oldest_first(turns: Turns) -> None:
    for number in range(13):
        await turns.commit(turn(f"t{number}", str(number), "and"))
        await turns.commit(turn(f"u{number}", "x", session="other"))
    recent = await turns.recent("s-ann", 10)
    assert [value.question for value in recent] == [f"{number}\nand" for number in range(3, 13)]
    assert [value.number for value in recent] == list(range(4, 14))
    assert await turns.recent("unknown", 10) == []


async def test_a_fresh_start_empties_the_window_and_keeps_the_history(turns: Turns) -> None:
    await turns.fresh("s-ann")
    await turns.commit(turn("t1", "before"))
    await turns.fresh("s-ann")
    assert await turns.recent("s-ann", 10) == []
    await turns.commit(turn("t2", "after"))
    assert [value.number for value in await turns.recent("s-ann", 10)] == [2]
    assert await turns.count() == 2


async def test_a_turn_is_found_by_any_of_its_messages(turns: Turns) -> None:
    await turns.commit(turn("t1", "hi", "and?"))
    found = await turns.by_message("s-ann", "t1-m2")
    assert found is not None
    assert found.question == "hi\nand?"
    assert await turns.by_message("other", "t1-m2") is None
    assert await turns.get("t2") is None


async def test_a_message_is_corrected(turns: Turns, inbox: Inbox) -> None:
    (row,) = (await inbox.record([event()])).new
    await turns.commit(turn("t1", "hi", "and?"))
    edited = await turns.edit_message("s-ann", "t1-m1", "hello", [row.id])
    assert edited is not None
    assert edited.question == "hello\nand?"
    assert await turns.get("t1") == edited
    assert await inbox.pending() == []
    assert await turns.edit_message("s-ann", "unknown", "x") is None


async def test_a_turn_goes_with_its_last_message_and_so_does_its_answer(
    turns: Turns, outbox: Outbox
) -> None:
    value = await turns.commit(turn("t1", "hi", "and?"), destination(), [Body(0, "An answer.")])
    assert await turns.remove_message("s-ann", "t1-m1") == value
    left = await turns.get("t1")
    assert left is not None
    assert left.question == "and?"
    assert [part.body for part in await outbox.parts("t1")] == ["An answer."]
    assert await turns.remove_message("s-ann", "t1-m2") == left
    assert await turns.get("t1") is None
    assert [part.body for part in await outbox.parts("t1")] == [None]
    assert await turns.remove_message("s-ann", "t1-m2") is None
    assert (await turns.commit(turn("t2", "next"))).number == 2


async def test_opinions_are_kept_one_a_person(turns: Turns, db: Database) -> None:
    await turns.commit(turn("t1", "hi"))
    assert await turns.rate("t1", "ann", 1)
    assert await turns.rate("t1", "ann", -1)
    assert await turns.rate("t1", "ben", 1)
    assert not await turns.rate("unknown", "ann", 1)
    ratings = await db.read(
        lambda connection: connection.exec_driver_sql(
            "SELECT person, value FROM feedback ORDER BY person"
        ).fetchall()
    )
    assert [tuple(row) for row in ratings] == [("ann", -1), ("ben", 1)]


_step = some.tuples(some.sampled_from("xyz"), some.integers(0, 5), some.booleans())


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=some.lists(_step, max_size=30))
async def test_numbers_grow_by_one_in_each_session_and_stay(
    turns: Turns, steps: list[tuple[str, int, bool]]
) -> None:
    """Commits of old and new turns, each twice at once, and removals in between."""
    run = uuid4()
    numbers: dict[str, int] = {}
    given_out = dict.fromkeys("xyz", 0)
    for letter, index, remove in steps:
        session, name = f"{run}{letter}", f"{run}{letter}{index}"
        if remove:
            gone = await turns.remove_message(session, f"{name}-m1")
            assert (gone is not None) == (name in numbers)
            numbers.pop(name, None)
            continue
        value = turn(name, "hi", session=session)
        one, same = await asyncio.gather(turns.commit(value), turns.commit(value))
        assert one == same
        if name not in numbers:
            given_out[letter] += 1
            numbers[name] = given_out[letter]
        assert one.number == numbers[name]
