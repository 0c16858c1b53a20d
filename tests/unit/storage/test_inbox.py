"""Events are recorded once, with their cursor, and kept until they are done."""

import asyncio

import pytest

from storage.database import Database
from storage.inbox import Inbox, digest
from storage.records import Outcome
from tests.unit.storage.values import event


async def test_new_events_come_back_in_order_with_growing_ids(inbox: Inbox) -> None:
    recorded = await inbox.record([event("a"), event("b")], ("page", "bot", "7"))
    assert [row.event.event_id for row in recorded.new] == ["a", "b"]
    assert recorded.new[0].id < recorded.new[1].id
    assert await inbox.pending() == list(recorded.new)
    assert await inbox.cursor("page", "bot") == "7"


async def test_a_repeated_event_is_recorded_once(inbox: Inbox) -> None:
    first = await inbox.record([event("a")])
    again = await inbox.record([event("a"), event("b"), event("b")])
    assert [row.event.event_id for row in again.new] == ["b"]
    assert again.repeated == ("a", "b")
    assert again.conflicting == ()
    assert [row.id for row in await inbox.pending()] == [first.new[0].id, again.new[0].id]


async def test_a_repeated_event_with_another_payload_is_told_even_when_blanked(
    inbox: Inbox,
) -> None:
    (row,) = (await inbox.record([event("a", payload="one")])).new
    await inbox.finish([row.id], Outcome.DONE)
    assert (await inbox.record([event("a", payload="one")])).conflicting == ()
    again = await inbox.record([event("a", payload="two")])
    assert again.repeated == again.conflicting == ("a",)


async def test_the_same_id_on_another_account_is_another_event(inbox: Inbox) -> None:
    ours = event("a")
    theirs = type(ours)("page", "other", "a", "message", "s", "p", "{}")
    assert len((await inbox.record([ours, theirs])).new) == 2


async def test_the_cursor_advances_and_is_its_accounts_own(inbox: Inbox) -> None:
    assert await inbox.cursor("page", "bot") is None
    await inbox.record([], ("page", "bot", "1"))
    await inbox.record([], ("page", "other", "9"))
    await inbox.record([], ("page", "bot", "2"))
    assert await inbox.cursor("page", "bot") == "2"
    assert await inbox.cursor("page", "other") == "9"


async def test_events_and_cursor_stand_or_fall_together(inbox: Inbox) -> None:
    unspeakable = event("b", payload="\ud800")
    with pytest.raises(UnicodeEncodeError):
        await inbox.record([event("a"), unspeakable], ("page", "bot", "1"))
    assert await inbox.pending() == []
    assert await inbox.cursor("page", "bot") is None


async def test_finished_events_lose_their_payload_and_keep_their_first_outcome(
    inbox: Inbox,
) -> None:
    (row,) = (await inbox.record([event("a", payload="hello")])).new
    await inbox.finish([row.id], Outcome.IGNORED)
    await inbox.finish([row.id], Outcome.DONE)
    assert await inbox.pending() == []
    found = await inbox.find("page", "bot", "a")
    assert found is not None
    kept, outcome, sha256 = found
    assert (kept.id, kept.event.payload, outcome) == (row.id, "", Outcome.IGNORED)
    assert sha256 == digest("hello")


async def test_what_was_never_recorded_is_not_found(inbox: Inbox) -> None:
    assert await inbox.find("page", "bot", "a") is None


async def test_attempts_are_counted_and_survive(inbox: Inbox) -> None:
    (row,) = (await inbox.record([event("a")])).new
    assert [await inbox.attempt(row.id) for _ in range(3)] == [1, 2, 3]
    assert (await inbox.pending())[0].attempts == 3
    assert await inbox.attempt(row.id + 1) == 0


async def test_a_pending_payload_can_be_rewritten_and_a_finished_one_cannot(
    inbox: Inbox,
) -> None:
    (row,) = (await inbox.record([event("a", payload="one")])).new
    await inbox.rewrite(row.id, "two")
    assert (await inbox.pending())[0].event.payload == "two"
    assert (await inbox.record([event("a", payload="one")])).conflicting == ()
    await inbox.finish([row.id], Outcome.DONE)
    await inbox.rewrite(row.id, "three")
    found = await inbox.find("page", "bot", "a")
    assert found is not None
    assert found[0].event.payload == ""


async def test_a_batch_recorded_from_both_ends_at_once_is_kept_once(inbox: Inbox) -> None:
    batch = [event(str(number)) for number in range(50)]
    both = await asyncio.gather(inbox.record(batch), inbox.record(list(reversed(batch))))
    assert sum(len(each.new) for each in both) == 50
    assert len(await inbox.pending()) == 50


async def test_text_of_any_kind_comes_back_as_it_was(db: Database) -> None:
    inbox = Inbox(db)
    payload = "NUL \x00, bidi \u202e, ANSI \x1b[31m, 会议 🎉, '); DROP TABLE inbox; --"
    await inbox.record([event("a", payload=payload)])
    assert (await inbox.pending())[0].event.payload == payload
