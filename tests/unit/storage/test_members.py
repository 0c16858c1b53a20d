"""Everything of one person is handed out on request, and nothing of it is left after erasure."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database import Database
from storage.inbox import Inbox
from storage.members import Members
from storage.outbox import Outbox
from storage.page import Page
from storage.page_records import PagePerson, PageRoom
from storage.records import Body, PartState
from storage.turns import Turns
from tests.unit.storage.values import NOON, destination, event, post, turn

CANARY = "canary-7f3a"


@pytest.fixture
async def two_people(turns: Turns, inbox: Inbox, outbox: Outbox, members: Members) -> None:
    """Ann said something in her room and in Ben's; both are answered, rated, and have waiting."""
    secret = f"a {CANARY} secret"
    rows = (
        await inbox.record(
            [
                event("done", payload=secret),
                event("waiting", payload=secret),
                event("ben's", person="ben"),
            ]
        )
    ).new
    await members.seen("ann", "page", f"Ann {CANARY}", "en")
    await turns.commit(
        turn("t1", secret, answer=secret), destination(), [Body(0, secret)], [rows[0].id]
    )
    await outbox.delivered("t1", 0, 1, "r1")
    await turns.commit(turn("t2", secret, session="s-ben"), destination(), [Body(0, secret)])
    await outbox.open("t3", 0, destination())
    await outbox.placed("t3", 0, "r3")
    await turns.commit(turn("b1", "hi", session="s-ben", person="ben"), destination("ben"))
    await turns.rate("t1", "ben", 1)
    await turns.rate("b1", "ann", -1)


@pytest.mark.usefixtures("two_people")
async def test_an_export_holds_everything_and_only_the_persons_own(members: Members) -> None:
    export = json.loads(json.dumps(await members.export("ann")))
    assert export["member"]["name"] == f"Ann {CANARY}"
    assert [each["id"] for each in export["turns"]] == ["t1", "t2"]
    assert export["turns"][0]["messages"] == [{"message_id": "t1-m1", "text": f"a {CANARY} secret"}]
    assert export["turns"][0]["created_at"] == NOON.isoformat()
    assert [each["event_id"] for each in export["pending"]] == ["waiting"]
    assert [each["answer"] for each in export["outbox"]] == ["t1", "t2", "t3"]
    assert [(each["turn"], each["value"]) for each in export["feedback"]] == [("b1", -1)]


async def test_an_export_of_nobody_is_empty(members: Members) -> None:
    assert await members.export("nobody") == {
        "person": "nobody",
        "member": None,
        "role": None,
        "quota": None,
        "spent": [],
        "turns": [],
        "pending": [],
        "outbox": [],
        "feedback": [],
    }


@pytest.mark.usefixtures("two_people")
async def test_erasure_counts_and_leaves_other_people_alone(
    members: Members, turns: Turns, inbox: Inbox
) -> None:
    erased = await members.forget("ann")
    counts = {kind: count for kind, count in erased.receipt.counts.items() if count}
    assert counts == {"feedback": 2, "turns": 2, "answers": 3, "messages": 2, "names": 1}
    assert erased.sessions == ("s-ann", "s-ben")
    empty = await members.export("nobody") | {"person": "ann"}
    assert await members.export("ann") == empty
    assert [value.id for value in await turns.recent("s-ben", 10)] == ["b1"]
    assert [row.event.event_id for row in await inbox.pending()] == ["ben's"]
    again = await members.forget("ann")
    assert not any(again.receipt.counts.values())
    assert again.sessions == ()


@pytest.mark.usefixtures("two_people")
async def test_an_erased_event_is_not_answered_when_it_comes_again(
    members: Members, inbox: Inbox
) -> None:
    await members.forget("ann")
    again = await inbox.record([event("waiting", payload=f"a {CANARY} secret"), event("done")])
    assert again.new == ()
    assert again.conflicting == ("done",)


@pytest.mark.usefixtures("two_people")
async def test_what_stands_half_delivered_is_to_be_removed(
    members: Members, outbox: Outbox
) -> None:
    await members.forget("ann")
    (part,) = await outbox.undelivered()
    assert (part.answer, part.remote_id, part.body) == ("t3", "r3", None)
    assert (part.state, part.to.person, part.to.session) == (PartState.READY, "", "")


@pytest.mark.usefixtures("two_people")
async def test_numbers_of_a_shared_session_go_on_after_erasure(
    members: Members, turns: Turns
) -> None:
    await members.forget("ann")
    assert (await turns.commit(turn("b2", "on", session="s-ben", person="ben"))).number == 3


@pytest.mark.usefixtures("two_people")
async def test_no_byte_of_it_is_left_on_disk(db: Database, members: Members, page: Page) -> None:
    await page.add_room(PageRoom("ann's", "Ann", "ann"))
    await page.join(PagePerson("ann", "Ann", "0" * 64, "en", NOON))
    await page.post(post("p1", CANARY * 3000))
    await page.attach("p1", CANARY.encode() * 3000)
    await db.checkpoint()
    assert any(_holders(db.path))
    await page.forget("ann")
    await members.forget("ann")
    assert list(_holders(db.path)) == []


def _holders(path: Path) -> Iterator[str]:
    for file in path.parent.iterdir():
        if CANARY.encode() in file.read_bytes():
            yield file.name


async def test_a_language_is_kept_when_the_platform_does_not_tell_it_again(
    members: Members,
) -> None:
    await members.seen("ann", "page", "Ann", "zh")
    await members.seen("ann", "page", "Anna", "")
    export = await members.export("ann")
    member = export["member"]
    assert isinstance(member, dict)
    assert (member["name"], member["language"]) == ("Anna", "zh")  # type: ignore[reportUnknownArgumentType]
    assert member["first_seen"] < member["last_seen"]
