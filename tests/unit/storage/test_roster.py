"""Who may ask is kept with its audit entry, and found again; rooms move with all they hold."""

from datetime import timedelta

import pytest

from storage.audit import Audit
from storage.database import Database
from storage.inbox import Inbox
from storage.members import Members
from storage.outbox import Outbox
from storage.records import (
    AuditEntry,
    Body,
    Destination,
    Event,
    Outcome,
    Place,
    Quota,
    RoomState,
    Spent,
)
from storage.roster import RosterStore, hinting, spending_of
from storage.turns import Turns
from tests.unit.storage.values import KEY, NOON, Ticking, turn

ROOM = Place("page", "bot", "r")
MOVED = Place("page", "bot", "r-2")
ENTRY = AuditEntry("page:bot:boss", "admin allow", "somebody", '{"a": 1}')


@pytest.fixture
def roster(db: Database, audit: Audit) -> RosterStore:
    return RosterStore(db, audit, clock=Ticking())


@pytest.fixture
def audit(db: Database) -> Audit:
    return Audit(db, KEY, clock=Ticking())


async def test_what_is_kept_is_found_again(roster: RosterStore) -> None:
    await roster.commit([roster.giving("ann", "member", ENTRY)])
    await roster.commit([roster.giving("ann", "admin", ENTRY)])
    await roster.commit([roster.giving("ben", "guest", ENTRY)])
    await roster.commit([roster.giving("ben", None, ENTRY)])
    await roster.commit([roster.placing(RoomState(ROOM, "Roof"))])
    await roster.commit(
        [roster.placing(RoomState(ROOM, "Roof", allowed=True, every_message=True, present=False))]
    )
    await roster.commit([roster.bounding("ann", Quota(3, None), ENTRY)])
    await roster.commit([roster.bounding("ben", Quota(0, 7), ENTRY)])
    await roster.commit([roster.bounding("ben", None, ENTRY)])
    await roster.commit([roster.setting_to("persona", "Be brief.", ENTRY)])
    await roster.commit([roster.setting_to("paused", "yes", ENTRY)])
    await roster.commit([roster.setting_to("paused", None, ENTRY)])

    standing = await roster.standing()
    assert standing.roles == {"ann": "admin"}
    assert list(standing.rooms) == [
        RoomState(ROOM, "Roof", allowed=True, every_message=True, present=False)
    ]
    assert standing.quotas == {"ann": Quota(3, None)}
    assert standing.settings == {"persona": "Be brief."}


async def test_each_change_has_its_entry(roster: RosterStore, audit: Audit) -> None:
    await roster.commit([roster.giving("ann", "member", AuditEntry("boss", "role", "ann"))])
    await roster.commit([roster.placing(RoomState(ROOM), [AuditEntry("boss", "allow", "r")])])
    await roster.commit([roster.placing(RoomState(ROOM))])
    await audit.add(AuditEntry("ben", "role", "ben", outcome="denied"))
    latest = await audit.latest(2)
    assert [(each.id, each.actor, each.action, each.outcome) for each in latest] == [
        (3, "ben", "role", "denied"),
        (2, "boss", "allow", "done"),
    ]
    assert all(each.at for each in latest)


async def test_a_code_is_good_once_and_not_for_long(roster: RosterStore, audit: Audit) -> None:
    await roster.add_code("d1", "admin", NOON + timedelta(seconds=3), ENTRY)
    await roster.add_code("d2", "member", NOON + timedelta(hours=1), ENTRY)
    assert await roster.role_of_code("d2") == "member"
    await roster.commit([roster.pairing_off("d2", "ann", "member")])
    assert await roster.role_of_code("d2") is None
    assert await roster.role_of_code("d1") is None  # the clock ticks a second each time
    assert (await roster.standing()).roles == {"ann": "member"}
    [entry] = await audit.latest(1)
    assert (entry.actor, entry.action, entry.detail) == ("ann", "pair", '{"role": "member"}')


async def test_a_charge_is_in_the_commit_of_its_turn(roster: RosterStore, turns: Turns) -> None:
    await turns.commit(turn("t1"), also=[spending_of("ann", "2026-01-01", Spent(1, 1500))])
    await turns.commit(turn("t2"), also=[spending_of("ann", "2026-01-01", Spent(1, 20))])
    with pytest.raises(AttributeError):
        await turns.commit(
            turn("t3"), also=[spending_of("ann", "2026-01-01", Spent(1, 5)), _broken]
        )
    assert await turns.count() == 2
    assert await roster.spent("2026-01-01") == {"ann": Spent(2, 1520)}
    assert await roster.spent("2026-01-02") == {}


def _broken(*_: object) -> None:
    raise AttributeError


async def test_a_hint_is_in_the_commit_of_its_telling(roster: RosterStore, outbox: Outbox) -> None:
    to = Destination("page", "bot", "{}", "s", "ann")
    await outbox.post("a", to, [Body(0, "hi")], also=[hinting("ann", NOON)])
    later = NOON + timedelta(days=1)
    await outbox.post("b", to, [Body(0, "hi")], also=[hinting("ann", later)])
    assert (await roster.standing()).hints == {"ann": later}


async def test_a_rating_can_be_taken_back(turns: Turns, members: Members) -> None:
    await turns.commit(turn("t1"))
    await turns.rate("t1", "ben", -1)
    await turns.rate("t1", "ann", 1)
    assert await turns.rate("t1", "ben", 0)
    assert (await members.export("ben"))["feedback"] == []
    assert len((await members.export("ann"))["feedback"]) == 1  # type: ignore[reportArgumentType]


async def test_erasing_somebody_leaves_no_standing_but_a_block(
    roster: RosterStore, members: Members, outbox: Outbox
) -> None:
    for person, role in (("ann", "admin"), ("bad", "blocked")):
        await roster.commit([roster.giving(person, role, ENTRY)])
        await roster.commit([roster.bounding(person, Quota(1, 1), ENTRY)])
        to = Destination("page", "bot", "{}", "s", person)
        steps = [hinting(person, NOON), spending_of(person, "2026-01-01", Spent(1, 1))]
        await outbox.post(person, to, [Body(0, "hi")], also=steps)
    exported = await members.export("ann")
    assert (exported["role"], exported["quota"]) == ("admin", {"messages": 1, "seconds": 1})
    assert exported["spent"] == [{"day": "2026-01-01", "messages": 1, "compute_ms": 1}]
    await members.forget("ann")
    await members.forget("bad")
    standing = await roster.standing()
    assert (standing.roles, standing.quotas, standing.hints) == ({"bad": "blocked"}, {}, {})
    assert await roster.spent("2026-01-01") == {}


def _event(event_id: str, room: Place, session: str) -> Event:
    payload = f'{{"address":{{"room":"{room.room}"}},"text":"hi"}}'
    return Event(room.platform, room.account, event_id, "message", session, "ann", payload)


def _to(room: Place, session: str) -> Destination:
    address = f'{{"room":"{room.room}"}}'
    return Destination(room.platform, room.account, address, session, "ann")


async def test_a_room_that_moves_takes_everything_along(
    roster: RosterStore, turns: Turns, inbox: Inbox, outbox: Outbox, audit: Audit
) -> None:
    old, thread, other = "page:bot:r", "page:bot:r:7", "page:bot:r2"
    await inbox.record([_event("done", ROOM, old), _event("open", ROOM, thread)])
    [done, _] = await inbox.pending()
    await inbox.finish([done.id], Outcome.DONE)
    [moved] = (await inbox.record([_event("move", MOVED, "page:bot:r-2")])).new
    await turns.commit(turn("t1", session=old), _to(ROOM, old), [Body(0, "hi")])
    await turns.commit(turn("t2", session=thread))
    await turns.commit(turn("t3", session=other))
    await roster.commit([roster.placing(RoomState(ROOM, "Roof", allowed=True))])

    await roster.move_room(ROOM, MOVED, [moved.id], AuditEntry("ann", "room moved", "r"))

    assert [value.id for value in await turns.recent("page:bot:r-2", 9)] == ["t1"]
    assert [value.id for value in await turns.recent("page:bot:r-2:7", 9)] == ["t2"]
    assert [value.id for value in await turns.recent(other, 9)] == ["t3"]
    assert await turns.recent(old, 9) == []
    [waiting] = await inbox.pending()
    assert (waiting.event.session, '"r-2"' in waiting.event.payload) == ("page:bot:r-2:7", True)
    [part] = await outbox.parts("t1")
    assert (part.to.session, part.to.address) == ("page:bot:r-2", '{"room":"r-2"}')
    assert list((await roster.standing()).rooms) == [RoomState(MOVED, "Roof", allowed=True)]
    assert (await audit.latest(1))[0].action == "room moved"
    after = await turns.commit(turn("t4", session="page:bot:r-2"))
    assert after.number == 2


async def test_what_was_said_under_the_new_id_already_comes_after(
    roster: RosterStore, turns: Turns
) -> None:
    for number in range(1, 4):
        await turns.commit(turn(f"old{number}", session="page:bot:r"))
    await turns.fresh("page:bot:r")
    await turns.commit(turn("old4", session="page:bot:r"))
    await turns.commit(turn("new1", session="page:bot:r-2"))
    await turns.commit(turn("new2", session="page:bot:r-2"))
    await roster.commit([roster.placing(RoomState(ROOM, "Roof", allowed=True))])
    await roster.commit([roster.placing(RoomState(MOVED))])
    await roster.move_room(ROOM, MOVED, [], ENTRY)
    found = await turns.recent("page:bot:r-2", 9)
    assert [(each.id, each.number) for each in found] == [("old4", 4), ("new1", 5), ("new2", 6)]
    assert (await turns.commit(turn("on", session="page:bot:r-2"))).number == 7
    assert list((await roster.standing()).rooms) == [RoomState(MOVED, "Roof", allowed=True)]
