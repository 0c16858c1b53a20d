"""Parts of answers: opened before a send, revised, delivered by revision, given up, removed."""

from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from storage.inbox import Inbox
from storage.outbox import Outbox, reviving
from storage.records import Body, Part, PartState
from tests.unit.storage.values import destination, event

TO = destination()


async def _only(outbox: Outbox, answer: str = "a") -> Part:
    (part,) = await outbox.parts(answer)
    return part


async def revive(outbox: Outbox, answer: str) -> None:
    await outbox.post("revived", TO, [], also=[reviving(answer, 0)])


async def test_opening_makes_a_row_once(outbox: Outbox) -> None:
    part = await outbox.open("a", 0, TO)
    assert (part.state, part.body, part.revision, part.remote_id) == (PartState.OPEN, None, 0, None)
    await outbox.placed("a", 0, "r1")
    again = await outbox.open("a", 0, TO)
    assert again.remote_id == "r1"
    assert again.created_at == part.created_at


async def test_a_post_gives_bodies_and_finishes_the_events(outbox: Outbox, inbox: Inbox) -> None:
    (row,) = (await inbox.record([event()])).new
    await outbox.open("a", 0, TO)
    await outbox.placed("a", 0, "r1")
    await outbox.post("a", TO, [Body(0, "one"), Body(1, "two")], [row.id])
    first, second = await outbox.parts("a")
    assert (first.body, first.remote_id, first.revision) == ("one", "r1", 1)
    assert (second.body, second.remote_id, second.revision) == ("two", None, 1)
    assert {first.state, second.state} == {PartState.READY}
    assert await inbox.pending() == []


async def test_parts_beyond_the_last_body_are_to_be_removed(outbox: Outbox) -> None:
    await outbox.post("a", TO, [Body(0, "one"), Body(1, "two"), Body(2, "three")])
    await outbox.post("a", TO, [Body(0, "only")])
    assert [(part.body, part.revision) for part in await outbox.parts("a")] == [
        ("only", 2),
        (None, 2),
        (None, 2),
    ]
    await outbox.delivered("a", 2, 2)
    assert [part.index for part in await outbox.parts("a")] == [0, 1]


async def test_a_delivered_body_is_blanked_and_its_remote_id_kept(outbox: Outbox) -> None:
    await outbox.post("a", TO, [Body(0, "one")])
    await outbox.delivered("a", 0, 1, "r1")
    part = await _only(outbox)
    assert (part.state, part.body, part.remote_id) == (PartState.DELIVERED, None, "r1")
    assert await outbox.undelivered() == []


async def test_a_delivery_of_an_older_body_confirms_nothing_but_the_place(outbox: Outbox) -> None:
    await outbox.post("a", TO, [Body(0, "old")])
    await outbox.post("a", TO, [Body(0, "new")])
    await outbox.delivered("a", 0, 1, "r1")
    part = await _only(outbox)
    assert (part.state, part.body, part.remote_id) == (PartState.READY, "new", "r1")


async def test_an_answer_given_anew_is_delivered_to_the_same_place(outbox: Outbox) -> None:
    await outbox.post("a", TO, [Body(0, "old")])
    await outbox.delivered("a", 0, 1, "r1")
    await outbox.post("a", TO, [Body(0, "new")])
    part = await _only(outbox)
    assert (part.state, part.body, part.remote_id) == (PartState.READY, "new", "r1")


async def test_an_open_part_cannot_be_delivered_by_a_preview(outbox: Outbox) -> None:
    await outbox.open("a", 0, TO)
    await outbox.delivered("a", 0, 0, "r1")
    part = await _only(outbox)
    assert (part.state, part.remote_id) == (PartState.OPEN, "r1")


async def test_what_is_undelivered_comes_in_order_of_creation(outbox: Outbox) -> None:
    await outbox.open("c", 0, TO)
    await outbox.post("b", TO, [Body(0, "b")])
    await outbox.open("a", 0, TO)
    await outbox.post("c", TO, [Body(0, "c")])
    await outbox.post("d", TO, [Body(0, "d")])
    await outbox.delivered("b", 0, 1, "r")
    assert [part.answer for part in await outbox.undelivered()] == ["c", "a", "d"]


async def test_a_dead_part_keeps_its_body_and_can_be_revived(outbox: Outbox) -> None:
    await outbox.post("a", TO, [Body(0, "one")])
    await outbox.attempted("a", 0, "no route")
    await outbox.attempted("a", 0, "still no route")
    assert ((await _only(outbox)).attempts, (await _only(outbox)).error) == (2, "still no route")
    await outbox.dead("a", 0, "gone")
    (dead,) = await outbox.dead_letters()
    assert (dead.state, dead.body, dead.error) == (PartState.DEAD, "one", "gone")
    assert await outbox.undelivered() == []
    await revive(outbox, "a")
    (part,) = await outbox.undelivered()
    assert (part.state, part.body, part.attempts, part.error) == (PartState.READY, "one", 0, "")
    assert await outbox.dead_letters() == []


async def test_a_delivered_part_does_not_die_and_only_the_dead_are_revived(outbox: Outbox) -> None:
    await outbox.post("a", TO, [Body(0, "one")])
    await outbox.delivered("a", 0, 1, "r1")
    await outbox.dead("a", 0, "too late")
    await revive(outbox, "a")
    assert (await _only(outbox)).state is PartState.DELIVERED


async def test_a_dead_placeholder_is_revived_as_one(outbox: Outbox) -> None:
    await outbox.open("a", 0, TO)
    await outbox.dead("a", 0, "gone")
    await revive(outbox, "a")
    assert (await _only(outbox)).state is PartState.OPEN


async def test_dead_letters_are_the_newest_first_and_limited(outbox: Outbox) -> None:
    for answer in "abc":
        await outbox.post(answer, TO, [Body(0, answer)])
        await outbox.dead(answer, 0, "gone")
    assert [part.answer for part in await outbox.dead_letters(limit=2)] == ["c", "b"]


async def test_withdrawn_answers_are_to_be_removed_and_then_gone(outbox: Outbox) -> None:
    await outbox.post("a", TO, [Body(0, "one"), Body(1, "two")])
    await outbox.delivered("a", 0, 1, "r1")
    await outbox.withdraw(["a", "unknown"])
    for part in await outbox.undelivered():
        assert part.body is None
        await outbox.delivered(part.answer, part.index, part.revision)
    assert await outbox.parts("a") == []


async def test_a_part_is_found_by_its_remote_id(outbox: Outbox) -> None:
    await outbox.post("a", TO, [Body(0, "one")])
    await outbox.delivered("a", 0, 1, "r1")
    assert [part.answer for part in await outbox.by_remote("page", "bot", "r1")] == ["a"]
    assert await outbox.by_remote("page", "other", "r1") == []


_steps = some.sampled_from(["open", "post", "deliver", "deliver old", "die", "revive"])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=some.lists(_steps))
async def test_the_newest_body_is_kept_until_it_is_delivered(
    outbox: Outbox, steps: list[str]
) -> None:
    answer = str(uuid4())
    revision, delivered = 0, True
    for step in steps:
        match step:
            case "open":
                await outbox.open(answer, 0, TO)
            case "post":
                await outbox.post(answer, TO, [Body(0, f"body {revision + 1}")])
                revision, delivered = revision + 1, False
            case "deliver":
                await outbox.delivered(answer, 0, revision, "r")
                delivered = True
            case "deliver old":
                await outbox.delivered(answer, 0, revision - 1, "r")
            case "die":
                await outbox.dead(answer, 0, "gone")
            case _:
                await revive(outbox, answer)
    parts = await outbox.parts(answer)
    if revision:
        (part,) = parts
        assert part.revision == revision
        assert (part.state is PartState.DELIVERED) == delivered
        assert part.body == (None if delivered else f"body {revision}")
    else:
        assert all(part.state in (PartState.OPEN, PartState.DEAD) for part in parts)
