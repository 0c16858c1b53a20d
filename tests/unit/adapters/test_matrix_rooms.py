"""The adapter on a real Synapse, in plain rooms."""

import asyncio

import pytest

from adapters.base import Attachment, Gone, Kind, MessageRef, RateLimited, Rejected
from adapters.matrix.adapter import MatrixAdapter
from tests.clients.matrix import PlainPerson
from tests.rigs.synapse import permissive, strict
from tests.unit.adapters.matrix_bot import (
    Scene,
    account,
    at,
    body,
    first_minute,
    person,
    room_of,
    text,
    until,
)


async def test_both_hear_each_other(scene: Scene) -> None:
    await scene.ann.send(scene.room, text("hello"))
    await until(lambda: scene.bot.inbox.texts == ["hello"])
    [event] = scene.bot.inbox.of(Kind.MESSAGE)
    assert event.address == at(scene.adapter, scene.room, direct=True)
    assert event.sender.id == scene.ann.id
    await scene.adapter.send(event.address, body("**good** day"), "key")
    await until(lambda: scene.shown() == ["good day"])


async def test_what_was_written_before_the_bot_came_in_is_heard(scene: Scene) -> None:
    """A client writes a direct chat's first message at once."""
    async with account(permissive) as late, person(scene.bot.server, "bob") as bob:
        room = await bob.create({"is_direct": True})
        await bob.send(room, text("to myself"))
        await bob.call("POST", f"/client/v3/rooms/{room}/invite", {"user_id": late.user})
        await bob.send(room, text("hello?"))
        async with late.running():
            await until(lambda: bool(late.inbox.texts))
        assert late.inbox.texts == ["hello?"]


async def test_one_transaction_is_one_message(scene: Scene) -> None:
    to = at(scene.adapter, scene.room)
    first = await scene.adapter.send(to, body("once"), "same")
    again = await scene.adapter.send(to, body("once"), "same")
    assert first.remote_id == again.remote_id
    async with account(permissive) as other, other.running() as stranger:
        with pytest.raises(Rejected):
            await stranger.send(at(stranger, scene.room), body("let me in"), "key")
    await until(lambda: scene.shown() == ["once"])


async def test_one_transaction_is_one_message_after_a_restart() -> None:
    async with account(permissive) as bot, person(bot.server, "ann") as ann:
        async with bot.running() as adapter:
            room = await room_of(ann, bot.user)
            first = await adapter.send(at(adapter, room), body("once"), "same")
        async with bot.running() as adapter:
            found = await adapter.find(at(adapter, room), "same", first_minute())
            again = await adapter.send(at(adapter, room), body("once"), "same")
            missing = await adapter.find(at(adapter, room), "other", first_minute())
        assert found
        assert found.remote_id == again.remote_id == first.remote_id
        assert missing is None


async def test_edit_and_delete(scene: Scene) -> None:
    ref = await scene.adapter.send(at(scene.adapter, scene.room), body("so", growing=True), "a")
    await scene.adapter.edit(ref, body("soup"), "b")
    await scene.adapter.edit(ref, body("soup"), "b")
    await until(lambda: scene.shown() == ["soup"])
    await scene.adapter.delete(ref)
    await scene.adapter.delete(ref)
    await until(lambda: scene.shown() == [])
    with pytest.raises(Gone):
        await scene.adapter.edit(ref, body("more soup"), "c")
    missing = MessageRef(ref.address, "$" + "x" * 43)
    with pytest.raises(Gone):
        await scene.adapter.edit(missing, body("more soup"), "d")


async def test_people_edit_react_and_take_back(scene: Scene) -> None:
    inbox = scene.bot.inbox
    asked = await scene.ann.send(scene.room, text("teh sky"))
    new = {
        "m.new_content": text("the sky"),
        "m.relates_to": {"rel_type": "m.replace", "event_id": asked},
    }
    await scene.ann.send(scene.room, text("* the sky", **new))
    ref = await scene.adapter.send(at(scene.adapter, scene.room), body("blue"), "a")
    relates = {"rel_type": "m.annotation", "event_id": ref.remote_id, "key": "👍"}
    reaction = await scene.ann.send(scene.room, {"m.relates_to": relates}, "m.reaction")
    await until(lambda: len(inbox.of(Kind.REACTION)) == 1)
    await scene.ann.redact(scene.room, reaction)
    await scene.ann.redact(scene.room, asked)
    await until(lambda: bool(inbox.of(Kind.DELETE)))
    assert inbox.texts == ["teh sky"]
    [edited] = inbox.of(Kind.EDIT)
    assert (edited.message_id, edited.text) == (asked, "the sky")
    assert [each.text for each in inbox.of(Kind.REACTION)] == ["👍", ""]
    assert {each.message_id for each in inbox.of(Kind.REACTION)} == {ref.remote_id}
    assert [each.message_id for each in inbox.of(Kind.DELETE)] == [asked]


async def test_an_edit_by_somebody_else_is_none(scene: Scene) -> None:
    async with person(scene.bot.server, "bob") as bob:
        await scene.ann.call("POST", f"/client/v3/rooms/{scene.room}/invite", {"user_id": bob.id})
        await bob.join(scene.room)
        asked = await scene.ann.send(scene.room, text("mine"))
        relates = {"rel_type": "m.replace", "event_id": asked}
        new = {"m.new_content": text("yours"), "m.relates_to": relates}
        await bob.send(scene.room, text("* yours", **new))
        await bob.send(scene.room, text("done"))
        await until(lambda: scene.bot.inbox.texts == ["mine", "done"])
    assert scene.bot.inbox.of(Kind.EDIT) == []


async def test_an_edit_in_a_thread_is_in_the_thread(scene: Scene) -> None:
    """Also for a bot that never saw the message."""
    root = await scene.ann.send(scene.room, text("root"))
    relates = {"m.relates_to": {"rel_type": "m.thread", "event_id": root}}
    asked = await scene.ann.send(scene.room, text("leaf", **relates))
    await until(lambda: scene.bot.inbox.texts == ["root", "leaf"])
    async with account(permissive) as late, late.running():
        await scene.ann.call(
            "POST", f"/client/v3/rooms/{scene.room}/invite", {"user_id": late.user}
        )
        await until(lambda: (scene.room, late.user, "join") in scene.ann.timeline.members)
        new = {
            "m.new_content": text("leaves"),
            "m.relates_to": {"rel_type": "m.replace", "event_id": asked},
        }
        await scene.ann.send(scene.room, text("* leaves", **new))
        await until(lambda: bool(late.inbox.of(Kind.EDIT)))
        [edited] = late.inbox.of(Kind.EDIT)
        assert edited.address.thread == root
        assert late.inbox.texts == []


async def test_a_reply_quotes_what_the_message_became(scene: Scene) -> None:
    ref = await scene.adapter.send(at(scene.adapter, scene.room), body("so", growing=True), "a")
    await scene.adapter.edit(ref, body("soup"), "b")
    reply = {"m.relates_to": {"m.in_reply_to": {"event_id": ref.remote_id}}}
    await scene.ann.send(scene.room, text("why?", **reply))
    await until(lambda: bool(scene.bot.inbox.texts))
    [event] = scene.bot.inbox.of(Kind.MESSAGE)
    assert event.quote
    assert event.quote.text == "soup"
    assert event.quote.from_bot
    assert event.addressed


async def test_a_new_name_of_the_bot_hides_nothing() -> None:
    """A timeline with the bot's own membership in it is not always of a room it just entered."""
    async with account(permissive) as bot, person(bot.server, "ann") as ann:
        async with bot.running():
            room = await room_of(ann, bot.user)
            await ann.send(room, text("before"))
            await until(lambda: bot.inbox.texts == ["before"])
        await ann.send(room, text("first"))
        owner = PlainPerson(bot.server.url, bot.user)
        await owner.open(watch=False)
        path = f"/client/v3/profile/{bot.user}/displayname"
        await owner.call("PUT", path, {"displayname": "Chef"})
        await owner.close()
        await ann.send(room, text("Chef: second"))
        async with bot.running():
            await until(lambda: len(bot.inbox.texts) == 3)
        assert bot.inbox.texts == ["before", "first", "second"]


async def test_notices_and_the_bot_itself_are_not_heard(scene: Scene) -> None:
    await scene.adapter.send(at(scene.adapter, scene.room), body("me"), "a")
    await scene.ann.send(scene.room, {"msgtype": "m.notice", "body": "another bot"})
    await scene.ann.send(scene.room, text("a person"))
    await until(lambda: bool(scene.bot.inbox.texts))
    assert scene.bot.inbox.texts == ["a person"]


async def test_files_both_ways(scene: Scene) -> None:
    source = await scene.ann.upload(scene.room, "plan.txt", "text/plain", b"the roof leaks")
    content = {"msgtype": "m.file", "body": "plan.txt", **source}
    await scene.ann.send(scene.room, content)
    await until(lambda: bool(scene.bot.inbox.of(Kind.MESSAGE)))
    [file] = scene.bot.inbox.of(Kind.MESSAGE)[0].files
    assert await scene.adapter.fetch(file, 100) == b"the roof leaks"
    with pytest.raises(Rejected):
        await scene.adapter.fetch(file, 10)
    with pytest.raises(Rejected):
        await scene.adapter.fetch(Attachment('{"url":"mxc://localhost/none"}', "x"), 10)
    to = at(scene.adapter, scene.room)
    await scene.adapter.send_file(to, "answer.txt", b"then mend it", "file")
    await until(lambda: scene.shown() == ["answer.txt"])


async def test_typing(scene: Scene) -> None:
    await scene.adapter.typing(at(scene.adapter, scene.room))
    await until(lambda: (scene.room, scene.bot.user) in scene.ann.timeline.typed)


async def test_a_gap_is_filled() -> None:
    """More than a sync shows was written while the bot was away."""
    async with account(permissive) as bot, person(bot.server, "ann") as ann:
        async with bot.running():
            room = await room_of(ann, bot.user)
            await ann.send(room, text("before"))
            await until(lambda: bot.inbox.texts == ["before"])
        wrote = [f"message {number}" for number in range(130)]
        for words in wrote:
            await ann.send(room, text(words))
        async with bot.running():
            await until(lambda: len(bot.inbox.texts) > len(wrote))
        assert bot.inbox.texts == ["before", *wrote]


async def test_what_can_not_be_stored_comes_again(scene: Scene) -> None:
    scene.bot.inbox.is_away = True
    await scene.ann.send(scene.room, text("hold this"))
    await until(lambda: scene.bot.inbox.refused > 1)
    await scene.ann.send(scene.room, text("and this"))
    scene.bot.inbox.is_away = False
    await until(lambda: scene.bot.inbox.texts == ["hold this", "and this"])


async def test_too_much_is_refused_with_the_time_to_wait() -> None:
    """Synapse's own limit: ten at once, then one in five seconds."""
    async with (
        account(strict) as bot,
        person(bot.server, "ann") as ann,
        bot.running() as adapter,
    ):
        room = await room_of(ann, bot.user)
        with pytest.raises(RateLimited) as caught:
            await write_often(adapter, room)
        assert 0 < caught.value.retry_after_s <= 5
        await asyncio.sleep(caught.value.retry_after_s)
        await adapter.send(at(adapter, room), body("at last"), "patient")


async def write_often(adapter: MatrixAdapter, room: str) -> None:
    for number in range(20):
        await adapter.send(at(adapter, room), body("x"), f"key-{number}")
