"""Writing to Slack: once, whatever the network does, and nothing that people should not see."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.base import (
    AdapterError,
    Address,
    Ambiguous,
    Attachment,
    AuthFailed,
    Button,
    Gone,
    MessageRef,
    RateLimited,
    Rejected,
    Transient,
)
from adapters.slack.adapter import SlackAdapter
from tests.fakes.slack import blocks as reading
from tests.fakes.slack.faults import (
    Delayed,
    Dropped,
    Failure,
    Fault,
    Patience,
    Refused,
    Reset,
    Truncated,
)
from tests.fakes.slack.places import Channel, File
from tests.unit.adapters.slack_workspace import (
    PATIENT,
    Bot,
    body,
    place,
    settings_of,
    until,
    workspace,
)

SINCE = datetime.now(UTC) - timedelta(minutes=5)


@pytest.fixture
async def bot() -> AsyncGenerator[Bot]:
    async with workspace() as bot:
        yield bot


@pytest.fixture
def room(bot: Bot) -> Channel:
    return bot.world.room("ann")


def seen(channel: Channel) -> list[str]:
    return [each.now.seen for each in channel.messages if each.is_bot and not each.deleted]


async def test_a_message_is_posted_changed_and_removed(bot: Bot, room: Channel) -> None:
    to = place(room.id)
    ref = await bot.adapter.send(to, body("Some **bold** text"), "k1")
    assert seen(room) == ["Some bold text"]
    await bot.adapter.edit(ref, body("other"), "k1.1")
    await bot.adapter.edit(ref, body("other"), "k1.1")
    assert seen(room) == ["other"]
    await bot.adapter.delete(ref)
    await bot.adapter.delete(ref)
    assert seen(room) == []
    with pytest.raises(Gone):
        await bot.adapter.edit(ref, body("gone"), "k1.2")


async def test_posts_call_nobody_and_load_nothing(bot: Bot, room: Channel) -> None:
    await bot.adapter.send(place(room.id), body("<http://a.example> @here"), "k1")
    [call] = bot.server.called("chat.postMessage")
    assert (call.arguments["unfurl_links"], call.arguments["unfurl_media"]) == (False, False)
    assert (call.arguments["parse"], call.arguments["link_names"]) == ("none", False)
    assert bot.world.calls == []


async def test_buttons_come_and_go(bot: Bot, room: Channel) -> None:
    stop = replace(body("one", growing=True), buttons=(Button("stop", "⏹"),))
    ref = await bot.adapter.send(place(room.id), stop, "k1")
    message = bot.world.message(ref.remote_id)
    assert reading.buttons(message.now.blocks) == ["stop"]
    await bot.adapter.edit(ref, body("one two"), "k1.1")
    assert reading.buttons(message.now.blocks) == []


@pytest.mark.parametrize(
    ("fault", "kind", "arrives"),
    [
        (Patience("7"), RateLimited, False),
        (Refused("ratelimited"), RateLimited, False),
        (Failure(503), Ambiguous, False),
        (Refused("internal_error"), Ambiguous, False),
        (Reset(), Ambiguous, False),
        (Dropped(), Ambiguous, True),
        (Truncated(), Ambiguous, True),
        (Refused("is_archived"), Rejected, False),
        (Refused("msg_too_long"), Rejected, False),
        (Refused("account_inactive"), AuthFailed, False),
    ],
    ids=str,
)
async def test_a_fault_is_named_and_what_arrived_is_found(
    bot: Bot, room: Channel, fault: Fault, kind: type[AdapterError], arrives: bool
) -> None:
    to = place(room.id)
    bot.server.faults.add(fault, "chat.postMessage")
    with pytest.raises(kind) as raised:
        await bot.adapter.send(to, body("hello"), "k1")
    assert bot.world.app.bot_token not in str(raised.value)
    found = await bot.adapter.find(to, "k1", SINCE)
    assert bool(found) == arrives
    assert len(bot.server.called("chat.postMessage")) == 1
    if found:
        await bot.adapter.edit(found, body("hello again"), "k1.1")
        assert seen(room) == ["hello again"]


async def test_what_is_answered_too_late_is_found() -> None:
    async with workspace(timeouts=replace(PATIENT, request_s=2)) as bot:
        room = bot.world.room("ann")
        bot.server.faults.add(Delayed(3), "chat.postMessage")
        with pytest.raises(Ambiguous):
            await bot.adapter.send(place(room.id), body("hello"), "k1")
        await until(lambda: bool(seen(room)))
        assert await bot.adapter.find(place(room.id), "k1", SINCE)


@pytest.mark.parametrize(("wait", "seconds"), [("7", 7), ("soon", 30), ("0", 0)])
async def test_patience_is_as_asked(bot: Bot, room: Channel, wait: str, seconds: float) -> None:
    bot.server.faults.add(Patience(wait), "chat.postMessage")
    with pytest.raises(RateLimited) as raised:
        await bot.adapter.send(place(room.id), body("hello"), "k1")
    assert raised.value.retry_after_s == seconds


async def test_an_unreachable_slack_took_nothing(bot: Bot) -> None:
    settings = replace(settings_of(bot.world.app, bot.server.url), base_url="http://127.0.0.1:9/")
    async with SlackAdapter(settings, PATIENT) as adapter:
        with pytest.raises(Transient):
            await adapter.send(place("C1"), body("hello"), "k1")
    with pytest.raises(Transient):
        await adapter.send(place("C1"), body("hello"), "k1")


async def test_a_missing_scope_is_named(bot: Bot, room: Channel) -> None:
    bot.world.app.scopes -= {"chat:write"}
    with pytest.raises(AuthFailed, match="chat:write"):
        await bot.adapter.send(place(room.id), body("hello"), "k1")


async def test_find_looks_in_the_thread_and_no_further_back(bot: Bot, room: Channel) -> None:
    root = bot.world.say("ann", room, "hello")
    ref = await bot.adapter.send(place(room.id, root.ts), body("in the thread"), "k1")
    assert await bot.adapter.find(place(room.id, root.ts), "k1", SINCE) == ref
    assert await bot.adapter.find(place(room.id, root.ts), "k2", SINCE) is None
    later = datetime.now(UTC) + timedelta(seconds=5)
    assert await bot.adapter.find(place(room.id, root.ts), "k1", later) is None


async def test_find_turns_pages(bot: Bot, room: Channel) -> None:
    root = bot.world.say("ann", room, "hello")
    ref = await bot.adapter.send(place(room.id, root.ts), body("early"), "k1")
    for number in range(450):
        bot.world.say("ann", room, str(number), thread=root.ts)
    assert await bot.adapter.find(place(room.id, root.ts), "k1", SINCE) == ref


async def test_the_longest_body_is_taken(bot: Bot, room: Channel) -> None:
    await bot.adapter.send(place(room.id), body("word " * (bot.adapter.limits.max_chars // 5)), "k")
    assert len(seen(room)) == 1


async def test_a_command_is_answered_at_its_address_then_by_a_whisper(
    bot: Bot, room: Channel
) -> None:
    hook = bot.world.command("ann", room, "help")
    ann = bot.world.person("ann").id
    to = Address("slack", "main", room.id, whisper=ann, hook=hook)
    for number in range(6):
        await bot.adapter.send(to, body(f"answer {number}"), f"k{number}")
    assert [each.now.seen for each in room.whispers] == [f"answer {n}" for n in range(6)]
    assert {each.whisper for each in room.whispers} == {ann}
    assert len(bot.server.called("chat.postEphemeral")) == 1
    assert seen(room) == []


async def test_a_whisper_shows_no_half_answers(bot: Bot, room: Channel) -> None:
    to = Address("slack", "main", room.id, whisper=bot.world.person("ann").id)
    ref = await bot.adapter.send(to, body("half", growing=True), "k1")
    assert room.whispers == []
    await bot.adapter.edit(ref, body("whole"), "k1.1")
    await bot.adapter.delete(ref)
    assert await bot.adapter.find(to, "k1", SINCE) is None
    assert [each.now.seen for each in room.whispers] == ["whole"]


async def test_an_address_elsewhere_is_not_answered(bot: Bot, room: Channel) -> None:
    to = Address("slack", "main", room.id, whisper="U1", hook="http://127.0.0.1:9/x")
    with pytest.raises(Rejected):
        await bot.adapter.send(to, body("hello"), "k1")


async def test_the_home_page(bot: Bot) -> None:
    user = bot.world.person("ann").id
    to = Address("slack", "main", f"home:{user}", direct=True)
    ref = await bot.adapter.send(to, body("# Status\n\nAll is **well**."), "k1")
    assert reading.seen(bot.world.homes[user]["blocks"]) == "Status\n\nAll is well."
    await bot.adapter.edit(ref, body("later"), "k1.1")
    await bot.adapter.delete(ref)
    assert bot.world.homes[user]["blocks"] == []


async def test_a_status_shows_in_assistant_threads_alone(bot: Bot, room: Channel) -> None:
    direct = bot.world.direct("ann")
    thread = bot.world.assistant_thread("ann")
    await bot.adapter.typing(place(direct.id, thread))
    await bot.adapter.typing(place(direct.id))
    await bot.adapter.typing(place(room.id))
    bot.server.faults.add(Refused("not_assistant_thread"), "assistant.threads.setStatus")
    await bot.adapter.typing(place(direct.id, thread))
    assert [ts for ts, _ in direct.statuses] == [thread]
    assert room.statuses == []


async def test_files_are_posted_and_removed(bot: Bot, room: Channel) -> None:
    ref = await bot.adapter.send_file(place(room.id), "export.json", b"{}", "k1")
    [message] = [each for each in room.messages if each.files]
    assert (message.files[0].name, message.files[0].content) == ("export.json", b"{}")
    await bot.adapter.delete(ref)
    await bot.adapter.delete(ref)
    assert message.deleted


async def test_a_file_for_one_person_goes_to_them_alone(bot: Bot, room: Channel) -> None:
    to = Address("slack", "main", room.id, whisper=bot.world.person("ann").id)
    await bot.adapter.send_file(to, "export.json", b"{}", "k1")
    assert [each.files[0].name for each in bot.world.direct("ann").messages] == ["export.json"]
    assert not any(each.files for each in room.messages)


async def test_files_are_fetched(bot: Bot) -> None:
    kept = bot.world.keep(File("F1", "plan.txt", "text/plain", b"the roof leaks"))
    for id_ in (kept.url, "F1"):
        attached = Attachment(id_, "plan.txt", "text/plain", 14)
        assert await bot.adapter.fetch(attached, 100) == b"the roof leaks"


async def test_files_that_are_not_ours_to_see(bot: Bot) -> None:
    kept = bot.world.keep(File("F1", "plan.txt", "text/plain", b"x" * 200))
    wrong = [
        Attachment(kept.url, "plan.txt", "text/plain", 200),
        Attachment(kept.url, "plan.txt", "text/plain"),
        Attachment(kept.url.replace("F1", "F2"), "plan.txt"),
        Attachment("F2", "plan.txt"),
        Attachment("http://127.0.0.1:9/secret", "plan.txt"),
    ]
    for attached in wrong:
        with pytest.raises(Rejected):
            await bot.adapter.fetch(attached, 100)


async def test_an_old_token_gets_a_page_to_sign_in_on(bot: Bot) -> None:
    kept = bot.world.keep(File("F1", "plan.txt", "text/plain", b"the roof leaks"))
    bot.world.app.bot_token = "xoxb-new"
    with pytest.raises(Rejected, match="files:read"):
        await bot.adapter.fetch(Attachment(kept.url, "plan.txt", "text/plain"), 1000)


async def test_two_hundred_lost_responses_double_nothing(bot: Bot) -> None:
    rooms = [bot.world.room("ann") for _ in range(40)]
    bot.server.faults.add(Dropped(), "chat.postMessage", times=200)
    for round_ in range(5):
        for room in rooms:
            key, to = f"k{round_}", place(room.id)
            with pytest.raises(Ambiguous):
                await bot.adapter.send(to, body(key), key)
            bot.server.tiers._calls.clear()  # pyright: ignore[reportPrivateUsage]
            found = await bot.adapter.find(to, key, SINCE)
            assert found == MessageRef(to, room.messages[-1].name)
    assert [len(seen(room)) for room in rooms] == [5] * 40
