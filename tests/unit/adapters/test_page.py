"""The page alone, on a real port: what people do becomes events."""

import pytest

from adapters.base import Address, Button, Kind
from adapters.markup import render
from tests.clients.page import Tab
from tests.unit.adapters.page_stage import Page, room_of


async def test_who_joins_is_announced(page: Page) -> None:
    async with page.tab("Ann") as ann:
        event = page.events[0]
        assert (event.kind, event.text, event.sender.name) == (Kind.MEMBERSHIP, "join", "Ann")
        async with page.tab("Bob"):
            await ann.until(lambda: seen_online(ann, "Bob", online=True))
        await ann.until(lambda: seen_online(ann, "Bob", online=False))


def seen_online(tab: Tab, name: str, *, online: bool) -> bool:
    told = [f["person"] for f in tab.frames if f["is"] == "person" and f["person"]["name"] == name]
    return bool(told) and told[-1]["online"] is online


async def test_a_tab_is_told_what_it_needs(page: Page) -> None:
    async with page.tab("Ann") as ann:
        welcome = ann.frames[0]
        assert welcome["is"] == "welcome"
        assert (welcome["bot"], welcome["notice"]) == ("Parley", "a demo, in ")
        assert welcome["commands"] == [{"name": "help", "arguments": "", "help": "help in "}]
        assert [(r["direct"], r["newest"]) for r in welcome["rooms"]] == [(True, 0)]


@pytest.mark.parametrize(
    ("text", "asked", "addressed"),
    [
        ("hello", "hello", False),
        ("@Parley hello", "hello", True),
        ("@parley, hello", "hello", True),
        ("@Parley", "@Parley", True),
        ("hello @PARLEY!", "hello @PARLEY!", True),
        ("问@parley，你好", "问@parley，你好", False),  # in a word, as a mail address has it
        ("问 @parley，你好", "问 @parley，你好", True),
        ("me@parley.example", "me@parley.example", False),
        ("@Parleys", "@Parleys", False),
    ],
)
async def test_who_is_addressed_in_a_room(
    page: Page, text: str, asked: str, addressed: bool
) -> None:
    async with page.tab("Ann") as ann:
        room = await room_of(ann)
        await ann.say(room, text)
        await ann.until(lambda: not ann.unacknowledged)
        event = page.of(Kind.MESSAGE)[0]
        assert (event.text, event.addressed) == (asked, addressed)
        assert event.address == Address("web", "page", room)


async def test_a_direct_message_is_always_addressed(page: Page) -> None:
    async with page.tab("Ann") as ann:
        said = await ann.say(ann.direct, "hello\0")
        await ann.until(lambda: said in ann.posts)
        event = page.of(Kind.MESSAGE)[0]
        assert event.addressed
        assert event.address.direct
        assert event.event_id == event.message_id == said
        assert ann.posts[said]["text"] == event.text == "hello"


async def test_a_reply_carries_what_it_replies_to(page: Page) -> None:
    async with page.tab("Ann") as ann, page.tab("Bob") as bob:
        room = await room_of(ann)
        await page.say(room, "an answer", "answer.0")
        await bob.until(lambda: "answer.0" in bob.posts)
        await bob.say(room, "why?", reply_to="answer.0")
        question = await bob.say(room, "a question")
        await ann.until(lambda: question in ann.posts)
        await ann.say(room, "because", reply_to=question)
        await ann.until(lambda: len(page.of(Kind.MESSAGE)) == 3)
        why, _, because = page.of(Kind.MESSAGE)
        assert why.quote
        assert (why.quote.text, why.quote.from_bot, why.addressed) == ("an answer", True, True)
        assert because.quote
        assert (because.quote.author, because.quote.from_bot) == ("Bob", False)
        assert not because.addressed


async def test_a_reply_to_what_is_gone_or_elsewhere_is_a_message(page: Page) -> None:
    async with page.tab("Ann") as ann, page.tab("Bob") as bob:
        room = await room_of(ann)
        secret = await bob.say(bob.direct, "secret")
        removed = await ann.say(room, "gone")
        await ann.do("delete", post=removed)
        await bob.until(lambda: secret in bob.posts)
        await ann.say(room, "to a secret", reply_to=secret)
        await ann.say(room, "to nothing", reply_to=removed)
        await ann.until(lambda: not ann.unacknowledged)
        assert [event.quote for event in page.of(Kind.MESSAGE)[-2:]] == [None, None]
        assert not ann.refused


async def test_commands_buttons_and_opinions(page: Page) -> None:
    async with page.tab("Ann") as ann:
        await page.say(ann.direct, "an answer", "answer.0")
        await ann.say(ann.direct, "/help me")
        await ann.do("press", room=ann.direct, button="retry", post="answer.0")
        await ann.do("react", post="answer.0", emoji="👎")
        await ann.until(lambda: not ann.unacknowledged)
        told = [(e.kind, e.text) for e in page.events[1:]]
        assert told == [("command", "help me"), ("command", "retry"), ("reaction", "👎")]
        assert [event.message_id for event in page.events[2:]] == ["answer.0", "answer.0"]


async def test_people_are_asked_only_below_an_answer(page: Page) -> None:
    asks = (Button("retry", "🔄"), Button("good", "👍"), Button("bad", "👎"))
    async with page.tab("Ann") as ann:
        answer = await page.say(ann.direct, "an answer", "answer.0", asks)
        await page.say(ann.direct, "a command's answer", "told.0")
        said = await ann.say(ann.direct, "hello")
        await ann.until(lambda: {"answer.0", "told.0", said} <= ann.posts.keys())
        assert [key for key, post in ann.posts.items() if post["ratable"]] == ["answer.0"]

        await page.adapter.edit(answer, render("no answer after all", "html"), "answer.0.2")
        await ann.until(lambda: not ann.posts["answer.0"]["ratable"])


async def test_only_answers_are_rated(page: Page) -> None:
    async with page.tab("Ann") as ann:
        said = await ann.say(ann.direct, "hello")
        react = await ann.do("react", post=said, emoji="👍")
        await ann.until(lambda: react in ann.refused)
        assert page.of(Kind.REACTION) == []


async def test_an_edit_and_a_delete_may_come_twice(page: Page) -> None:
    async with page.tab("Ann") as ann:
        said = await ann.say(ann.direct, "helo")
        await ann.until(lambda: said in ann.posts)
        await ann.do("edit", post=said, text="hello")
        delete = await ann.do("delete", post=said)
        await ann.until(lambda: ann.posts[said]["removed"])
        await ann.ask("delete", id=delete, post=said)
        late = await ann.do("edit", post=said, text="too late")
        await ann.until(lambda: late in ann.refused)
        assert [event.event_id for event in page.of(Kind.DELETE)] == [delete, delete]
        assert ann.posts[said]["text"] == ""


async def test_what_is_not_on_disk_is_sent_again(page: Page) -> None:
    async with page.tab("Ann") as ann:
        page.fails = True
        said = await ann.say(ann.direct, "hello")
        await ann.until(lambda: len([f for f in ann.frames if f["is"] == "welcome"]) > 1)
        assert said in ann.unacknowledged
        page.fails = False
        await ann.until(lambda: not ann.unacknowledged)
        assert [event.event_id for event in page.of(Kind.MESSAGE)] == [said]


async def test_rooms_have_names_of_their_own(page: Page) -> None:
    async with page.tab("Ann") as ann:
        room = await room_of(ann, "  The   Kitchen ")
        assert page.store.places[room].name == "The Kitchen"
        for name, told in (("the kitchen", "already"), (" \0 ", "Choose a name")):
            create = await ann.do("create", name=name)
            await ann.until(lambda create=create: create in ann.refused)
            assert told in ann.refused[create]
        await ann.ask("create", id=room, name="The Kitchen")  # an acknowledgement was lost
        await ann.until(lambda: len([r for r in ann.rooms if r["id"] == room]) == 2)
