"""What people do in Telegram, as events."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from telegram import Update

from adapters.base import Address, Attachment, Kind, MessageEvent, Quote
from adapters.telegram.phrases import Me
from adapters.telegram.wire import events, name_of, parse_name
from tests.fakes.telegram.chat import Chat, File, Version
from tests.fakes.telegram.world import World

ME = Me("424242", 424242, "parley_test_bot")
ALL = frozenset(
    {
        "message",
        "edited_message",
        "callback_query",
        "message_reaction",
        "my_chat_member",
        "chat_member",
    }
)


@pytest.fixture
def world() -> World:
    world = World(privacy=False)
    world.queue.wanted = ALL
    return world


def heard(world: World) -> list[MessageEvent]:
    """The events of all updates so far."""
    found = [events(Update.de_json(raw), ME) for raw in world.queue.waiting]
    return [event for each in found for event in each]


def the(world: World) -> MessageEvent:
    [event] = heard(world)
    return event


def test_direct_message(world: World) -> None:
    chat = world.direct("ann")
    world.say("ann", chat, "hello")
    event = the(world)
    assert event.kind is Kind.MESSAGE
    assert event.address == Address("telegram", "424242", str(chat.id), direct=True)
    assert (event.sender.id, event.sender.name, event.sender.language) == ("1000", "ann", "en")
    assert event.text == "hello"
    assert event.addressed
    assert event.message_id == "1000/1"
    assert event.event_id == "m1000/1"


@pytest.mark.parametrize(
    ("written", "kind", "text"),
    [
        ("/help", Kind.COMMAND, "help"),
        ("/HELP", Kind.COMMAND, "help"),
        ("/help@parley_test_bot", Kind.COMMAND, "help"),
        ("/help@Parley_Test_Bot", Kind.COMMAND, "help"),
        ("/admin role ann  guest", Kind.COMMAND, "admin role ann  guest"),
        ("/start", Kind.COMMAND, "help"),
        ("/start ABCD-1234", Kind.COMMAND, "pair ABCD-1234"),
        ("/stop@parley_test_bot now", Kind.COMMAND, "stop now"),
        ("see /help", Kind.MESSAGE, "see /help"),
        ("a/b", Kind.MESSAGE, "a/b"),
    ],
)
def test_commands(world: World, written: str, kind: Kind, text: str) -> None:
    world.say("ann", world.direct("ann"), written)
    assert (the(world).kind, the(world).text) == (kind, text)


def test_commands_of_other_bots_are_theirs(world: World) -> None:
    world.say("ann", world.group("ann"), "/help@another_bot")
    assert heard(world) == []


@pytest.mark.parametrize(
    ("written", "text", "addressed"),
    [
        ("@parley_test_bot why?", "why?", True),
        ("@Parley_Test_Bot, why?", "why?", True),
        ("why, @parley_test_bot?", "why, ?", True),
        ("tell me @parley_test_bot why", "tell me why", True),
        ("🙂🙂 @parley_test_bot 你好", "🙂🙂 你好", True),
        ("thanks @parley_test_bot", "thanks", True),
        ("@another_bot why?", "@another_bot why?", False),
        ("mail me@parley_test_bot", "mail me@parley_test_bot", False),
        ("why?", "why?", False),
    ],
)
def test_mentions(world: World, written: str, text: str, addressed: bool) -> None:
    world.say("ann", world.group("ann"), written)
    assert (the(world).text, the(world).addressed) == (text, addressed)


def test_a_mention_without_a_name_counts_in_utf16(world: World) -> None:
    entity = {"type": "text_mention", "offset": 3, "length": 6, "user": world.bot.json()}
    world.say("ann", world.group("ann"), "🙂 Parley why?", entities=[entity])
    assert (the(world).text, the(world).addressed) == ("🙂 why?", True)


@pytest.mark.parametrize(
    ("entity", "text"),
    [
        ({"type": "pre", "language": "python"}, "say ```python\nx = 1\n``` now"),
        ({"type": "code"}, "say `x = 1` now"),
        ({"type": "text_link", "url": "https://x.example"}, "say [x = 1](https://x.example) now"),
        ({"type": "bold"}, "say x = 1 now"),
    ],
)
def test_code_and_links_stay(world: World, entity: Mapping[str, Any], text: str) -> None:
    placed = {**entity, "offset": 4, "length": 5}
    world.say("ann", world.direct("ann"), "say x = 1 now", entities=[placed])
    assert the(world).text == text


def test_half_a_character_does_no_harm(world: World) -> None:
    world.say("ann", world.direct("ann"), "broken \ud83d here")
    assert the(world).text.encode("utf-8").startswith(b"broken ")


def test_a_reply_to_the_bot_is_addressed_and_quotes(world: World) -> None:
    chat = world.group("ann")
    answer = world.post(chat, Version("the answer"))
    world.say("ann", chat, "why?", reply_to=answer.id)
    assert the(world).addressed
    assert the(world).quote == Quote(f"{chat.id}/1", "Parley", "the answer", from_bot=True)


def test_a_reply_to_somebody_quotes(world: World) -> None:
    chat = world.group("ann", "bob")
    plan = world.say("bob", chat, "the plan")
    world.say("ann", chat, "@parley_test_bot sum it up", reply_to=plan.id)
    assert heard(world)[-1].quote == Quote(plan.name, "bob", "the plan")
    assert heard(world)[-1].text == "sum it up"


def test_topics_are_threads_and_their_beginning_is_no_quote(world: World) -> None:
    chat = world.group("ann", forum=True)
    topic = world.topic(chat, "roof")
    world.say("ann", chat, "it leaks", thread=topic)
    assert (the(world).address.thread, the(world).quote) == (str(topic), None)


def test_a_chain_of_replies_is_no_thread(world: World) -> None:
    chat = world.group("ann")
    world.say("ann", chat, "hello")
    raw = world.queue.waiting[0]["message"]
    raw["message_thread_id"] = 7
    assert the(world).address.thread is None


def test_edits_have_ids_of_their_own(world: World) -> None:
    chat = world.direct("ann")
    message = world.say("ann", chat, "teh sky")
    world.edit("ann", chat, message.id, "the sky")
    world.edit("ann", chat, message.id, "the blue sky")
    first, second, third = heard(world)
    assert [second.kind, third.kind] == [Kind.EDIT, Kind.EDIT]
    assert first.message_id == second.message_id == third.message_id
    assert len({first.event_id, second.event_id, third.event_id}) == 3
    assert third.text == "the blue sky"


def test_documents_and_photos(world: World) -> None:
    chat = world.direct("ann")
    world.say("ann", chat, "sum up", file=File("f1", "plan.txt", "text/plain", b"roof"))
    world.say("ann", chat, "", file=File("f2", "x.jpg", "image/jpeg", b"12345", "photo"))
    document, photo = heard(world)
    assert document.text == "sum up"
    assert document.files == (Attachment("f1", "plan.txt", "text/plain", 4),)
    assert photo.files == (Attachment("f2", "photo.jpg", "image/jpeg", 5),)


@pytest.mark.parametrize(
    ("before", "now", "text"),
    [
        ([], ["👍"], "👍"),
        (["👍"], ["👎"], "👎"),
        (["👎"], [], ""),
        (["👎"], ["🔥"], ""),
        ([], ["🔥"], "🔥"),
        ([], ["🔥", "👍"], "👍"),
    ],
)
def test_reactions(world: World, before: list[str], now: list[str], text: str) -> None:
    chat = world.direct("ann")
    answer = world.post(chat, Version("hello"))
    world.react("ann", chat, answer.id, *before)
    world.queue.waiting.clear()
    world.react("ann", chat, answer.id, *now)
    assert (the(world).kind, the(world).text) == (Kind.REACTION, text)
    assert the(world).message_id == answer.name


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        ("stop", Kind.COMMAND, "stop"),
        ("retry", Kind.COMMAND, "retry"),
        ("good", Kind.REACTION, "👍"),
        ("bad", Kind.REACTION, "👎"),
    ],
)
def test_buttons(world: World, data: str, kind: Kind, text: str) -> None:
    chat = world.group("ann")
    keyboard = (({"text": "x", "callback_data": data},),)
    answer = world.post(chat, Version("hello", keyboard=keyboard))
    world.press("ann", chat, answer.id, data)
    event = the(world)
    assert (event.kind, event.text, event.message_id) == (kind, text, answer.name)
    assert event.sender.name == "ann"


def test_strange_buttons_are_nothing(world: World) -> None:
    chat = world.direct("ann")
    answer = world.post(chat, Version("x", keyboard=(({"text": "x", "callback_data": "else"},),)))
    world.press("ann", chat, answer.id, "else")
    assert heard(world) == []


@pytest.mark.parametrize("do", [World.bring, World.remove])
def test_memberships_of_the_bot(world: World, do: Callable[[World, str, Chat], None]) -> None:
    do(world, "ann", world.group("ann"))
    event = the(world)
    assert (event.kind, event.addressed, event.sender.name) == (Kind.MEMBERSHIP, True, "ann")
    assert event.text == ("join" if do is World.bring else "leave")


def test_memberships_of_others(world: World) -> None:
    chat = world.group("ann")
    chat.bot_is_admin = True
    world.member("bob", chat, joins=True)
    world.member("bob", chat, joins=False)
    assert [(e.text, e.sender.name, e.addressed) for e in heard(world)] == [
        ("join", "bob", False),
        ("leave", "bob", False),
    ]


def test_a_promotion_is_no_membership(world: World) -> None:
    world.bring("ann", world.group("ann"))
    change = world.queue.waiting[0]["my_chat_member"]
    change["old_chat_member"]["status"] = "member"
    assert heard(world) == []


def test_a_group_moves_once(world: World) -> None:
    group = world.group("ann", kind="group")
    heir = world.migrate("ann", group)
    told = heard(world)
    assert {event.event_id for event in told} == {f"v{group.id}/{heir.id}"}
    assert {(event.kind, event.text) for event in told} == {(Kind.MOVED, str(group.id))}
    assert {event.address.room for event in told} == {str(heir.id)}


@pytest.mark.parametrize(
    "change",
    [
        {"from": {"id": 7, "is_bot": True, "first_name": "Other"}},
        {"sender_chat": {"id": -5, "type": "channel", "title": "News"}},
        {"from": None},
        {"text": None, "sticker": None},
    ],
)
def test_what_no_person_wrote_is_ignored(world: World, change: Mapping[str, Any]) -> None:
    world.say("ann", world.group("ann"), "hello")
    raw = world.queue.waiting[0]["message"]
    raw.update(change)
    world.queue.waiting[0]["message"] = {k: v for k, v in raw.items() if v is not None}
    assert heard(world) == []


def test_names() -> None:
    assert parse_name(name_of(-1000000001000, 2**53 + 1)) == (-1000000001000, 2**53 + 1)
    with pytest.raises(ValueError, match="invalid literal"):
        parse_name("nonsense")
