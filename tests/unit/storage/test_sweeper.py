"""What is kept no longer goes with all that hangs on it, a little at a time; the rest stays."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.clock import to_micros
from storage.database import Database
from storage.inbox import Inbox
from storage.outbox import Outbox
from storage.page import Page
from storage.query import parse
from storage.records import Body, Outcome
from storage.retention import FOR_EVER, Retention
from storage.search import Search
from storage.sweeper import BATCH, Sweeper, Swept
from storage.tables import metadata
from storage.turns import Turns
from tests.unit.storage.values import NOON, destination, event, post, turn

OLD, NOW = NOON, NOON + timedelta(days=40)
DAYS = st.integers(0, 99)
KEYS = st.text("ab:", max_size=5)


@pytest.mark.parametrize(
    ("session", "days"),
    [
        ("web:page:x", 30),
        ("web:page:room", 7),
        ("web:page:room:thread", 7),
        ("web:page:room:special", FOR_EVER),
        ("web:page:room2", 30),
        ("slack:main:C1", 1),
    ],
)
def test_the_nearest_place_decides(session: str, days: int) -> None:
    places = {"web:page:room": 7, "web:page:room:special": FOR_EVER, "slack": 1}
    assert Retention(30, places).of(session) == days


@given(DAYS, st.dictionaries(KEYS, DAYS, max_size=4), KEYS)
def test_nothing_younger_than_the_last_cut_goes(
    days: int, places: dict[str, int], session: str
) -> None:
    retention = Retention(days, places)
    cut, last = retention.cut(session, NOW), retention.last_cut(NOW)
    if cut is not None:
        assert last is not None
        assert cut <= last
    assert retention.of(session) in (days, *places.values())


class Waits:
    """Counts the pauses between commits."""

    count = 0

    async def __call__(self, seconds: float) -> None:
        self.count += 1


async def swept(db: Database, retention: Retention, now: datetime = NOW) -> tuple[Swept, int]:
    waits = Waits()
    return await Sweeper(db, lambda: now, waits).sweep(retention), waits.count


async def converse(db: Database, *, at: datetime, **sessions: int) -> None:
    """So many turns in each session, rated, delivered, and one answer that belongs to none."""
    inbox, outbox = Inbox(db, clock=lambda: at), Outbox(db, clock=lambda: at)
    turns = Turns(db, clock=lambda: at)
    for session, count in sessions.items():
        for number in range(count):
            name = f"{session}-{at:%d}-{number}"
            (row,) = (await inbox.record([event(name)])).new
            said = turn(name, f"word {name}", session=session)
            await turns.commit(said, destination(), [Body(0, "yes")], [row.id])
            await outbox.delivered(name, 0, 1, name)
            await turns.rate(name, "ann", 1)
            await db.write(
                lambda connection, name=name: connection.exec_driver_sql(
                    "UPDATE turn SET created_at = ? WHERE id = ?", (to_micros(at), name)
                )
            )


async def counts(db: Database) -> dict[str, int]:
    names = ("turn", "turn_message", "feedback", "outbox", "inbox", "session", "turn_index")
    assert set(names) - metadata.tables.keys() == {"turn_index"}
    return await db.read(
        lambda connection: {
            name: connection.exec_driver_sql(
                f"SELECT count(*) FROM {name + '_docsize' if name == 'turn_index' else name}"
            ).scalar_one()
            for name in names
        }
    )


async def test_old_turns_go_with_all_that_hangs_on_them(db: Database) -> None:
    await converse(db, at=OLD, a=BATCH + 3, b=2)
    await converse(db, at=NOW, a=2)
    assert await swept(db, Retention()) == (Swept(), 0)
    done, pauses = await swept(db, Retention(30))
    assert done == Swept(BATCH + 5, 0, BATCH + 5, 0, ("a", "b"))
    assert pauses >= 5
    assert await counts(db) == dict.fromkeys(await counts(db), 2) | {"session": 1}
    found = await Search(db).find(parse("word"), 99)
    assert {each.turn.id for each in found} == {"a-10-0", "a-10-1"}
    assert await swept(db, Retention(30)) == (Swept(), 0)


async def test_a_room_is_kept_as_its_own_policy_says(db: Database) -> None:
    await converse(db, at=OLD, **{"r:a": 2, "r:b": 2, "s": 2})
    done, _ = await swept(db, Retention(30, {"r": FOR_EVER, "r:b": 1}))
    assert (done.turns, done.sessions) == (4, ("r:b", "s"))
    done, _ = await swept(db, Retention(FOR_EVER, {"r": 1}))
    assert (done.turns, done.sessions) == (2, ("r:a",))


async def test_what_waits_stays_and_answers_without_a_turn_go(db: Database) -> None:
    inbox, outbox = Inbox(db, clock=lambda: OLD), Outbox(db, clock=lambda: OLD)
    await inbox.record([event("waiting")])
    await outbox.post("waiting", destination(), [Body(0, "x")])
    (row,) = (await inbox.record([event("done")])).new
    await outbox.post("told", destination(), [Body(0, "x")])
    await outbox.delivered("told", 0, 1, "r")
    await outbox.post("dead", destination(), [Body(0, "x")])
    await outbox.dead("dead", 0, "no")
    await inbox.finish([row.id], Outcome.DONE)
    done, _ = await swept(db, Retention(30))
    assert (done.answers, done.messages) == (2, 1)
    assert [part.answer for part in await outbox.undelivered()] == ["waiting"]
    assert [each.event.event_id for each in await inbox.pending()] == ["waiting"]


async def test_a_finished_event_is_known_for_a_week(db: Database) -> None:
    (row,) = (await Inbox(db, clock=lambda: OLD).record([event("done")])).new
    await Inbox(db, clock=lambda: OLD).finish([row.id], Outcome.DONE)
    assert (await swept(db, Retention(1), OLD + timedelta(days=6)))[0].messages == 0
    assert (await swept(db, Retention(1), OLD + timedelta(days=8)))[0].messages == 1


async def test_posts_of_the_page_are_emptied(db: Database, page: Page) -> None:
    await page.post(post("p1", "old"))
    await page.attach("p1", b"old")
    await page.post(post("p2", "kept", room="q"))
    done, _ = await swept(db, Retention(30, {"web:page:q": FOR_EVER}))
    assert done.posts == 1
    emptied = await page.get("p1")
    assert emptied
    assert (emptied.text, emptied.removed, await page.attachment("p1")) == ("", True, None)
    assert (await swept(db, Retention(30, {"web:page:q": FOR_EVER})))[0].posts == 0
