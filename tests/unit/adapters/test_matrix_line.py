"""The adapter on a bad line to a real Synapse."""

import os
import random
from collections.abc import Sequence

import pytest

from adapters.base import Ambiguous, Cursor, Kind, Transient
from adapters.matrix.place import parse as place_of
from tests.clients.matrix_js import SealedPerson
from tests.rigs.proxy import line_to
from tests.rigs.synapse import permissive
from tests.unit.adapters.matrix_bot import (
    account,
    at,
    body,
    first_minute,
    person,
    room_of,
    sealed_person,
    text,
    until,
)
from tests.venues.matrix import ENCRYPTION

LOST = 200 if os.environ.get("PARLEY_LONG_FAULTS") else 40


async def test_a_lost_answer_leaves_one_message() -> None:
    """Answers are lost after the effect; what is found or sent again is the same message."""
    chance = random.Random(7)
    async with (
        account(permissive) as bot,
        person(bot.server, "ann") as ann,
        line_to(bot.server.url) as line,
        bot.running(homeserver=line.url) as adapter,
    ):
        room = await room_of(ann, bot.user)
        to = at(adapter, room)
        line.loses = lambda call: "/send/" in call
        for number in range(LOST):
            with pytest.raises(Ambiguous):
                await adapter.send(to, body(f"answer {number}"), f"key-{number}")
            if chance.random() < 0.5:
                assert await adapter.find(to, f"key-{number}", first_minute())
        assert line.lost >= LOST
        line.loses = lambda _: False
        again = [await adapter.send(to, body("again"), f"key-{n}") for n in range(LOST)]
        assert len({ref.remote_id for ref in again}) == LOST
        expected = [f"answer {number}" for number in range(LOST)]
        await until(lambda: len(ann.timeline.shown(room, bot.user)) >= LOST)
        assert [each.text for each in ann.timeline.shown(room, bot.user)] == expected


async def test_a_lost_answer_to_an_edit_or_delete_may_be_repeated() -> None:
    async with (
        account(permissive) as bot,
        person(bot.server, "ann") as ann,
        line_to(bot.server.url) as line,
        bot.running(homeserver=line.url) as adapter,
    ):
        room = await room_of(ann, bot.user)
        ref = await adapter.send(at(adapter, room), body("one"), "a")
        line.loses = lambda call: call.startswith("PUT") and "/typing/" not in call
        with pytest.raises(Ambiguous):
            await adapter.edit(ref, body("two"), "b")
        line.loses = lambda _: False
        await adapter.edit(ref, body("two"), "b")
        await until(lambda: bool(ann.timeline.shown(room, bot.user)[0].edits))
        [shown] = ann.timeline.shown(room, bot.user)
        assert (shown.text, shown.edits) == ("two", 1)
        line.loses = lambda call: "/redact/" in call
        with pytest.raises(Ambiguous):
            await adapter.delete(ref)
        line.loses = lambda _: False
        await adapter.delete(ref)
        await until(lambda: not ann.timeline.shown(room, bot.user))


async def test_a_lost_sync_loses_no_message() -> None:
    async with (
        account(permissive) as bot,
        person(bot.server, "ann") as ann,
        line_to(bot.server.url) as line,
    ):
        async with bot.running(homeserver=line.url):
            room = await room_of(ann, bot.user)
            line.loses = lambda call: call.endswith("/sync")
            await ann.send(room, text("hello"))
            await until(lambda: line.lost > 0)
            assert bot.inbox.texts == []
        line.loses = lambda _: False
        async with bot.running(homeserver=line.url):
            await until(lambda: bot.inbox.texts == ["hello"])


async def test_a_homeserver_that_is_away_is_named() -> None:
    async with account(permissive) as bot, line_to(bot.server.url) as line:
        async with bot.running(homeserver=line.url):
            pass
        line.loses = lambda _: True
        async with bot.adapter(homeserver=line.url) as adapter:
            with pytest.raises((Transient, Ambiguous)):
                await adapter.run(bot.inbox.emit, bot.inbox.cursor)
            assert adapter.link.state == "down"
            assert "homeserver" in adapter.link.detail


async def test_a_message_is_read_when_its_key_comes_late() -> None:
    async with (
        account(permissive) as bot,
        sealed_person(bot.server, "ann") as ann,
        line_to(bot.server.url) as line,
        bot.running(homeserver=line.url) as adapter,
    ):
        room = await room_of(ann, bot.user, initial_state=[ENCRYPTION])
        line.keys_wait = True
        await ann.send(room, text("one"))
        await ann.send(room, text("two"))
        await until(lambda: bool(bot.inbox.of(Kind.UNREADABLE)))
        await until(lambda: "PUT /_matrix/client/v3/sendToDevice" in paths(line.passed))
        assert bot.inbox.texts == []
        line.keys_wait = False
        await wake(ann, room)
        await until(lambda: bot.inbox.texts[:2] == ["one", "two"])
        assert len(bot.inbox.of(Kind.UNREADABLE)) == 1
        assert adapter.link.state == "up"


@pytest.mark.parametrize("taken_back", [False, True])
async def test_a_message_whose_key_comes_after_a_restart_is_read(*, taken_back: bool) -> None:
    async with (
        account(permissive) as bot,
        sealed_person(bot.server, "ann") as ann,
        line_to(bot.server.url) as line,
    ):
        async with bot.running(homeserver=line.url):
            room = await room_of(ann, bot.user, initial_state=[ENCRYPTION])
            line.keys_wait = True
            one = await ann.send(room, text("one"))
            await until(lambda: [event for _, event in waiting(bot.inbox.cursor)] == [one])
        if taken_back:
            await ann.redact(room, one)
        line.keys_wait = False
        async with bot.running(homeserver=line.url):
            await ann.send(room, text("two"))
            await until(lambda: "two" in bot.inbox.texts and not waiting(bot.inbox.cursor))
        assert bot.inbox.texts == (["two"] if taken_back else ["one", "two"])


def waiting(cursor: Cursor | None) -> Sequence[tuple[str, str]]:
    """The events that wait for their keys."""
    return place_of(cursor).waiting if cursor else ()


def paths(calls: list[str]) -> set[str]:
    """Calls to the fifth part of their path."""
    return {"/".join(call.split("/")[:5]) for call in calls}


async def wake(someone: SealedPerson, room: str) -> None:
    """Have the server answer a sync."""
    await someone.send(room, {"msgtype": "m.notice", "body": "wake up"})
