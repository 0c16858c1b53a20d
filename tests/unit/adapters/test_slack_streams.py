"""Answers that grow by Slack's own streaming, and everything that may end it."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.base import Address, Ambiguous, Button, Gone, MessageRef, RateLimited
from adapters.slack.adapter import SlackAdapter
from adapters.slack.streams import STARTS_PER_MINUTE
from tests.fakes.slack import blocks as reading
from tests.fakes.slack.faults import Dropped, Fault, Patience, Refused, Reset
from tests.fakes.slack.places import Message
from tests.unit.adapters.slack_workspace import (
    PATIENT,
    Bot,
    body,
    place,
    receiving,
    settings_of,
    until,
    workspace,
)

SINCE = datetime.now(UTC) - timedelta(minutes=5)
RATE = (Button("retry", "🔄"), Button("good", "👍"))


@pytest.fixture
async def bot() -> AsyncGenerator[Bot]:
    async with workspace() as bot:
        yield bot


@pytest.fixture
def to(bot: Bot) -> Address:
    """An assistant's thread."""
    return place(bot.world.direct("ann").id, bot.world.assistant_thread("ann"))


def answers(bot: Bot) -> list[Message]:
    return [each for each in bot.world.direct("ann").messages[1:] if not each.deleted]


def methods(bot: Bot) -> list[str]:
    return [call.method for call in bot.server.calls if call.method.startswith("chat.")]


async def test_an_answer_grows_by_what_is_new(bot: Bot, to: Address) -> None:
    ref = await bot.adapter.send(to, body("one", growing=True), "k1")
    await bot.adapter.edit(ref, body("one **two**", growing=True), "k1.1")
    await bot.adapter.edit(ref, body("one **two**", growing=True), "k1.1")
    final = replace(body("one **two** three"), buttons=RATE)
    await bot.adapter.edit(ref, final, "k1.2")
    [answer] = answers(bot)
    assert [version.seen for version in answer.versions][:2] == ["one", "one two"]
    assert answer.now.seen == "one two three"
    assert reading.buttons(answer.now.blocks) == ["retry", "good"]
    assert answer.streaming_state == "completed"
    assert await bot.adapter.find(to, "k1", SINCE) == ref
    assert methods(bot) == [
        "chat.startStream",
        "chat.appendStream",
        "chat.stopStream",
        "chat.update",
    ]


async def test_what_does_not_continue_is_edited(bot: Bot, to: Address) -> None:
    ref = await bot.adapter.send(to, body("waiting, 2nd in line", growing=True), "k1")
    await bot.adapter.edit(ref, body("The sky", growing=True), "k1.1")
    assert answers(bot)[0].now.seen == "The sky …"
    await bot.adapter.edit(ref, body("The sky is blue.", growing=True), "k1.2")
    await bot.adapter.edit(ref, body("The sky is blue."), "k1.3")
    [answer] = answers(bot)
    assert answer.now.seen == "The sky is blue."
    assert bot.server.called("chat.appendStream") == []


@pytest.mark.parametrize(
    ("code", "again"),
    [("unknown_method", False), ("not_allowed", False), ("channel_type_not_supported", True)],
)
async def test_where_it_is_not_allowed_it_is_posted(
    bot: Bot, to: Address, code: str, again: bool
) -> None:
    bot.server.faults.add(Refused(code), "chat.startStream")
    ref = await bot.adapter.send(to, body("one", growing=True), "k1")
    await bot.adapter.edit(ref, body("one two", growing=True), "k1.1")
    assert answers(bot)[0].now.seen == "one two …"
    await bot.adapter.edit(ref, body("one two three"), "k1.2")
    assert answers(bot)[0].now.seen == "one two three"
    await bot.adapter.send(to, body("next", growing=True), "k2")
    assert len(bot.server.called("chat.startStream")) == (2 if again else 1)


async def test_a_stream_needs_a_thread_and_in_rooms_a_recipient() -> None:
    async with receiving() as bot:
        room = bot.world.room("ann")
        await bot.adapter.send(place(room.id), body("one", growing=True), "k1")
        said = bot.world.say("ann", room, f"<@{bot.world.app.user}> hello")
        unknown = place(room.id, said.ts)
        await bot.adapter.send(unknown, body("two", growing=True), "k2")
        assert bot.server.called("chat.startStream") == []
        await until(lambda: bool(bot.messages))
        known = replace(unknown, reply_to=said.name)
        await bot.adapter.send(known, body("three", growing=True), "k3")
        [start] = bot.server.called("chat.startStream")
        assert start.arguments["recipient_user_id"] == bot.world.person("ann").id
        assert start.arguments["recipient_team_id"] == bot.world.app.team
        assert room.messages[-1].streaming_state == "in_progress"


async def test_one_stream_at_a_time_in_a_thread(bot: Bot, to: Address) -> None:
    await bot.adapter.send(to, body("part one", growing=True), "k1")
    second = await bot.adapter.send(to, body("part two", growing=True), "k2")
    assert len(bot.server.called("chat.startStream")) == 1
    assert await bot.adapter.find(to, "k2", SINCE) == second


async def test_streams_leave_room_in_the_tier(bot: Bot, to: Address) -> None:
    for number in range(STARTS_PER_MINUTE + 5):
        ref = await bot.adapter.send(to, body("one", growing=True), f"k{number}")
        bot.server.tiers._calls.pop("chat.update", None)  # pyright: ignore[reportPrivateUsage]
        await bot.adapter.edit(ref, body("one two"), f"k{number}.1")
    assert len(bot.server.called("chat.startStream")) == STARTS_PER_MINUTE
    assert [each.now.seen for each in answers(bot)] == ["one two"] * (STARTS_PER_MINUTE + 5)


async def test_a_start_that_must_wait_is_posted(bot: Bot, to: Address) -> None:
    bot.server.faults.add(Patience("60"), "chat.startStream")
    await bot.adapter.send(to, body("one", growing=True), "k1")
    assert methods(bot) == ["chat.startStream", "chat.postMessage"]


@pytest.mark.parametrize("code", ["message_not_in_streaming_state", "stopped_by_user"])
async def test_a_stream_that_is_over_is_edited(bot: Bot, to: Address, code: str) -> None:
    ref = await bot.adapter.send(to, body("one", growing=True), "k1")
    answers(bot)[0].streaming_state = "completed"
    bot.server.faults.add(Refused(code), "chat.appendStream")
    await bot.adapter.edit(ref, body("one two", growing=True), "k1.1")
    await bot.adapter.edit(ref, body("one two three"), "k1.2")
    [answer] = answers(bot)
    assert answer.now.seen == "one two three"


async def test_an_expired_stream_is_edited(bot: Bot, to: Address) -> None:
    ref = await bot.adapter.send(to, body("one", growing=True), "k1")
    bot.server.methods.stream_life_s = 0.0
    await bot.adapter.edit(ref, body("one two"), "k1.1")
    assert [each.now.seen for each in answers(bot)] == ["one two"]


@pytest.mark.parametrize("fault", [Dropped(), Reset()], ids=str)
async def test_a_lost_append_doubles_nothing(bot: Bot, to: Address, fault: Fault) -> None:
    ref = await bot.adapter.send(to, body("one", growing=True), "k1")
    bot.server.faults.add(fault, "chat.appendStream")
    await bot.adapter.edit(ref, body("one two", growing=True), "k1.1")
    assert answers(bot)[0].now.seen == "one two …"
    await bot.adapter.edit(ref, body("one two three"), "k1.2")
    assert [each.now.seen for each in answers(bot)] == ["one two three"]


@pytest.mark.parametrize("method", ["chat.stopStream", "chat.update"])
@pytest.mark.parametrize("fault", [Dropped(), Reset(), Patience("1")], ids=str)
async def test_a_lost_end_is_repeated(bot: Bot, to: Address, method: str, fault: Fault) -> None:
    ref = await bot.adapter.send(to, body("one", growing=True), "k1")
    bot.server.faults.add(fault, method)
    with pytest.raises((Ambiguous, RateLimited)):
        await bot.adapter.edit(ref, body("one two"), "k1.1")
    await bot.adapter.edit(ref, body("one two"), "k1.1")
    [answer] = answers(bot)
    assert (answer.now.seen, answer.streaming_state) == ("one two", "completed")
    assert bot.server.faults.pending == 0


async def another_run(bot: Bot) -> SlackAdapter:
    return SlackAdapter(settings_of(bot.world.app, bot.server.url), PATIENT)


async def test_a_stream_whose_start_was_lost_is_found(bot: Bot, to: Address) -> None:
    earlier = await bot.adapter.send(to, body("earlier"), "k0")
    bot.server.faults.add(Dropped(), "chat.startStream")
    with pytest.raises(Ambiguous):
        await bot.adapter.send(to, body("one", growing=True), "k1")
    found = await bot.adapter.find(to, "k1", SINCE)
    assert found
    assert found != earlier
    async with await another_run(bot) as later:
        assert await later.find(to, "k1", SINCE) == found
    await bot.adapter.edit(found, body("one two", growing=True), "k1.1")
    await bot.adapter.edit(found, body("one two three"), "k1.2")
    assert [each.now.seen for each in answers(bot)] == ["earlier", "one two three"]


async def test_a_stream_under_another_key_is_not_found(bot: Bot, to: Address) -> None:
    await bot.adapter.send(to, body("one", growing=True), "k1")
    assert await bot.adapter.find(to, "k2", SINCE) is None
    ref = await bot.adapter.find(to, "k1", SINCE)
    assert ref
    await bot.adapter.edit(ref, body("one two"), "k1.1")
    async with await another_run(bot) as later:
        assert await later.find(to, "k2", SINCE) is None
        assert await later.find(to, "k1", SINCE) == ref


@pytest.mark.parametrize("growing", [True, False], ids=["growing", "final"])
async def test_after_a_restart_a_stream_is_ended_and_edited(
    bot: Bot, to: Address, growing: bool
) -> None:
    ref = await bot.adapter.send(to, body("one", growing=True), "k1")
    async with await another_run(bot) as later:
        await later.edit(ref, body("one two", growing=growing), "k1.1")
        await later.edit(ref, body("one two three"), "k1.2")
    [answer] = answers(bot)
    assert (answer.now.seen, answer.streaming_state) == ("one two three", "completed")


async def test_after_a_restart_a_posted_message_is_edited(bot: Bot, to: Address) -> None:
    ref = await bot.adapter.send(to, body("one"), "k1")
    async with await another_run(bot) as later:
        await later.edit(ref, body("two"), "k1.1")
        await later.edit(ref, body("three"), "k1.2")
    assert [each.now.seen for each in answers(bot)] == ["three"]
    assert len(bot.server.called("chat.stopStream")) == 1


async def test_a_deleted_stream_is_gone(bot: Bot, to: Address) -> None:
    ref = await bot.adapter.send(to, body("one", growing=True), "k1")
    await bot.adapter.delete(ref)
    assert answers(bot) == []
    with pytest.raises(Gone):
        await bot.adapter.edit(ref, body("one two"), "k1.1")
    missing = MessageRef(to, f"{to.room}/1.000000")
    with pytest.raises(Gone):
        await bot.adapter.edit(missing, body("one two"), "k1.1")


async def test_a_long_answer_streams_in_chunks_that_slack_takes(bot: Bot, to: Address) -> None:
    text = "word " * 2_100
    ref = await bot.adapter.send(to, body(text[:10], growing=True), "k1")
    await bot.adapter.edit(ref, body(text, growing=True), "k1.1")
    await bot.adapter.edit(ref, body(text), "k1.2")
    assert answers(bot)[0].now.seen.split() == text.split()
