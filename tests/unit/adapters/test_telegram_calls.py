"""What the bot writes in Telegram, one attempt a call, and what becomes of it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from adapters.base import (
    Ambiguous,
    Attachment,
    Button,
    Gone,
    MessageRef,
    RateLimited,
    Rejected,
    Rendered,
    Transient,
)
from adapters.capabilities import CommandHint, Menu
from adapters.markup import render
from tests.fakes.telegram.chat import Chat, File
from tests.fakes.telegram.faults import Delayed, Dropped, Failure, Fault, Patience, Reset, Truncated
from tests.unit.adapters.telegram_bots import PATIENT, Rig, telegram, text, until

BOLD = Rendered("<b>so</b> &lt; it", "**so** < it")
BUTTONS = (Button("retry", "🔄"), Button("good", "👍"))


async def test_a_message_with_markup_and_buttons() -> None:
    async with telegram() as rig:
        chat = rig.world.direct("ann")
        body = Rendered(BOLD.text, BOLD.source, buttons=BUTTONS)
        ref = await rig.adapter.send(rig.to(chat.id), body, "k")
        [message] = chat.messages
        assert ref.remote_id == message.name
        assert message.now.text == "so < it"
        assert message.now.entities == ({"type": "bold", "offset": 0, "length": 2},)
        assert [b["callback_data"] for row in message.now.keyboard for b in row] == [
            "retry",
            "good",
        ]
        [call] = rig.server.called("sendMessage")
        assert '"is_disabled": true' in call.parameters["link_preview_options"]


async def test_markup_that_the_server_refuses_is_shown_as_it_reads() -> None:
    async with telegram() as rig:
        chat = rig.world.direct("ann")
        ref = await rig.adapter.send(rig.to(chat.id), Rendered("<p>x &lt; y</p>", "x < y"), "k")
        assert chat.messages[0].now.text == "x < y"
        await rig.adapter.edit(ref, Rendered("<b>y", "**y**"), "k.1")
        assert chat.messages[0].now.text == "y"
        link = '<b>see <a href="https://a.example/?b&amp;c">the plan</a>'
        await rig.adapter.edit(ref, Rendered(link, "see the plan"), "k.2")
        assert chat.messages[0].now.text == "see the plan (https://a.example/?b&c)"


async def test_a_plain_text_calls_nobody_and_is_whole() -> None:
    async with telegram() as rig:
        chat = rig.world.direct("ann")
        source = "ask @alice, `@bob` or a@c.example: " + "**🙂** " * 300
        shown = render(source, "telegram")
        await rig.adapter.send(rig.to(chat.id), shown, "k")
        broken = Rendered(f"<p>{shown.text}", source)
        await rig.adapter.send(rig.to(chat.id), broken, "l")
        marked, plain = (message.now for message in chat.messages)
        assert plain.mode == ""
        assert plain.text == marked.text.replace("@bob", "＠bob")
        found = {each["type"] for each in (*marked.entities, *plain.entities)}
        assert "mention" not in found


async def test_a_reply_in_a_topic() -> None:
    async with telegram(privacy=False) as rig:
        chat = rig.world.group("ann", forum=True)
        topic = rig.world.topic(chat, "roof")
        asked = rig.world.say("ann", chat, "why?", thread=topic)
        to = rig.to(chat.id, thread=str(topic), reply_to=asked.name)
        await rig.adapter.send(to, text("so"), "k")
        assert (chat.messages[-1].thread, chat.messages[-1].reply_to) == (topic, asked)


async def test_a_reply_to_what_is_gone_is_a_message() -> None:
    async with telegram() as rig:
        chat = rig.world.group("ann")
        asked = rig.world.say("ann", chat, "why?")
        asked.deleted = True
        await rig.adapter.send(rig.to(chat.id, reply_to=asked.name), text("so"), "k")
        assert chat.messages[-1].reply_to is None


async def test_editing_to_the_same_text_succeeds() -> None:
    async with telegram() as rig:
        chat = rig.world.direct("ann")
        ref = await rig.adapter.send(rig.to(chat.id), text("one"), "k")
        for _ in range(2):
            await rig.adapter.edit(ref, text("two"), "k.1")
        assert [version.text for version in chat.messages[0].versions] == ["one", "two"]


async def test_what_is_gone() -> None:
    async with telegram() as rig:
        chat = rig.world.direct("ann")
        ref = await rig.adapter.send(rig.to(chat.id), text("one"), "k")
        await rig.adapter.delete(ref)
        await rig.adapter.delete(ref)
        assert chat.messages[0].deleted
        with pytest.raises(Gone):
            await rig.adapter.edit(ref, text("two"), "k.1")


async def test_ids_count_within_a_chat() -> None:
    async with telegram() as rig:
        refs = [
            await rig.adapter.send(rig.to(rig.world.direct(name).id), text(name), name)
            for name in ("ann", "bob")
        ]
        assert len({ref.remote_id for ref in refs}) == 2
        await rig.adapter.edit(refs[1], text("changed"), "bob.1")
        shown = [rig.world.direct(name).messages[0].now.text for name in ("ann", "bob")]
        assert shown == ["ann", "changed"]


def _blocks(chat: Chat) -> None:
    chat.blocked = True


def _removes(chat: Chat) -> None:
    chat.has_bot = False


@pytest.mark.parametrize(
    ("change", "sentence"),
    [(_blocks, "blocked the bot"), (_removes, "removed from the room")],
)
async def test_who_does_not_want_it(change: Callable[[Chat], None], sentence: str) -> None:
    async with telegram() as rig:
        chat = rig.world.group("ann")
        change(chat)
        with pytest.raises(Rejected, match=sentence):
            await rig.adapter.send(rig.to(chat.id), text("one"), "k")


@pytest.mark.parametrize("room", ["777", "not a number"])
async def test_no_such_chat(room: str) -> None:
    async with telegram() as rig:
        to = rig.to(1)
        with pytest.raises(Rejected):
            await rig.adapter.send(type(to)(to.platform, to.account, room), text("one"), "k")


async def test_too_long_is_rejected() -> None:
    async with telegram() as rig:
        chat = rig.world.direct("ann")
        with pytest.raises(Rejected, match="longer"):
            await rig.adapter.send(rig.to(chat.id), text("🙂" * 2049), "k")
        await rig.adapter.send(rig.to(chat.id), text("🙂" * 2048), "k")


async def test_patience_is_for_one_chat() -> None:
    async with telegram() as rig:
        ann, bob = rig.world.direct("ann"), rig.world.direct("bob")
        rig.server.faults.add(Patience(60), "sendMessage", place=ann.id)
        with pytest.raises(RateLimited) as limited:
            await rig.adapter.send(rig.to(ann.id), text("one"), "k")
        assert limited.value.retry_after_s == 60
        await rig.adapter.send(rig.to(bob.id), text("one"), "l")
        assert len(bob.messages) == 1


@pytest.mark.parametrize(
    ("fault", "stands"),
    [
        (Dropped(), True),
        (Truncated(), True),
        (Reset(), False),
        (Failure(500), False),
        (Failure(502, "Bad Gateway"), False),
    ],
)
async def test_no_answer_is_ambiguous(fault: Fault, stands: bool) -> None:
    async with telegram() as rig:
        await _is_ambiguous(rig, fault, stands=stands)


async def test_a_late_answer_is_ambiguous() -> None:
    async with telegram(timeouts=replace(PATIENT, answer_s=0.5)) as rig:
        await _is_ambiguous(rig, Delayed(2), stands=True)


async def _is_ambiguous(rig: Rig, fault: Fault, *, stands: bool) -> None:
    chat = rig.world.direct("ann")
    rig.server.faults.add(fault, "sendMessage")
    with pytest.raises(Ambiguous):
        await rig.adapter.send(rig.to(chat.id), text("one"), "k")
    if stands:
        await until(lambda: bool(chat.messages))
    assert len(chat.messages) == int(stands)


async def _send(rig: Rig) -> object:
    return await rig.adapter.send(rig.to(1000), text("one"), "k")


async def _edit(rig: Rig) -> object:
    return await rig.adapter.edit(MessageRef(rig.to(1000), "1000/1"), text("one"), "k")


async def _typing(rig: Rig) -> object:
    return await rig.adapter.typing(rig.to(1000))


async def _fetch(rig: Rig) -> object:
    return await rig.adapter.fetch(Attachment("f", "f.txt"), 100)


@pytest.mark.parametrize("call", [_send, _edit, _typing, _fetch])
async def test_nobody_there_is_transient(call: Callable[[Rig], Awaitable[object]]) -> None:
    async with telegram() as rig:
        pass
    async with rig.adapter:
        with pytest.raises(Transient):
            await call(rig)


async def test_a_lost_edit_may_be_repeated() -> None:
    async with telegram() as rig:
        chat = rig.world.direct("ann")
        ref = await rig.adapter.send(rig.to(chat.id), text("one"), "k")
        rig.server.faults.add(Dropped(), "editMessageText")
        with pytest.raises(Ambiguous):
            await rig.adapter.edit(ref, text("two"), "k.1")
        await rig.adapter.edit(ref, text("two"), "k.1")
        assert len(chat.messages[0].versions) == 2


async def test_messages_follow_a_group_that_moved() -> None:
    async with telegram() as rig:
        group = rig.world.group("ann", kind="group")
        before = await rig.adapter.send(rig.to(group.id), text("before"), "k")
        heir = rig.world.migrate("ann", group)
        after = await rig.adapter.send(rig.to(group.id, reply_to=before.remote_id), text("x"), "l")
        assert heir.messages[-1].name == after.remote_id
        await rig.adapter.edit(after, text("y"), "l.1")
        assert heir.messages[-1].now.text == "y"
        await rig.adapter.typing(rig.to(group.id))
        assert heir.actions == ["typing"]
        with pytest.raises(Gone):
            await rig.adapter.edit(before, text("z"), "k.1")


async def test_a_file_goes_out_and_comes_in() -> None:
    async with telegram() as rig:
        chat = rig.world.direct("ann")
        await rig.adapter.send_file(rig.to(chat.id), "export.json", b"{}" * 100, "k")
        sent = chat.messages[0].file
        assert sent
        assert (sent.name, sent.content) == ("export.json", b"{}" * 100)
        file = Attachment(sent.id, sent.name)
        assert await rig.adapter.fetch(file, 200) == b"{}" * 100
        with pytest.raises(Rejected, match="too large"):
            await rig.adapter.fetch(file, 199)


async def test_a_file_that_is_gone_or_too_large() -> None:
    async with telegram() as rig:
        with pytest.raises(Rejected, match="gone"):
            await rig.adapter.fetch(Attachment("unknown", "x"), 1000)
        large = File("large", "x", "text/plain", bytes(20_000_001))
        rig.world.files["large"] = large
        with pytest.raises(Rejected, match="20 MB"):
            await rig.adapter.fetch(Attachment("large", "x"), 10**9)


HELP = CommandHint("help", "", "what I can do")
HILFE = CommandHint("help", "", "我能做什么")
ADMIN = CommandHint("admin", "…", "run the house")


async def test_menus() -> None:
    async with telegram() as rig:
        chat = rig.world.direct("ann")
        menu = Menu(
            {"en": [HELP, CommandHint("No-Name", "", "x")], "zh-Hans": [HILFE]},
            {"en": [ADMIN]},
            frozenset({str(chat.id), "999"}),
        )
        await rig.adapter.offer(menu)
        shown = {
            key: [each["command"] for each in value]
            for key, value in rig.server.methods.commands.items()
        }
        mine = f"chat {chat.id}"
        assert shown["default", ""] == shown["all_group_chats", "en"] == ["help"]
        assert shown[mine, ""] == shown[mine, "en"] == ["help", "admin"]
        assert shown[mine, "zh"] == ["help"]
        described = rig.server.methods.commands["all_private_chats", "zh"][0]["description"]
        assert described == "我能做什么"
        assert "chat 999" not in {scope for scope, _ in shown}
        await rig.adapter.offer(replace(menu, administrators=frozenset({"999"})))
        assert {scope for scope, _ in rig.server.methods.commands} == {
            "default",
            "all_private_chats",
            "all_group_chats",
        }
