"""Who comes and goes on a real Synapse, and rooms that move or only claim to."""

import pytest

from adapters.base import Kind, Rejected
from tests.unit.adapters.matrix_bot import Scene, at, body, room_of, text, until


async def test_who_comes_and_goes(scene: Scene) -> None:
    await scene.ann.call("POST", f"/client/v3/rooms/{scene.room}/kick", {"user_id": scene.bot.user})
    await until(lambda: "leave" in [e.text for e in scene.bot.inbox.of(Kind.MEMBERSHIP)])
    event = scene.bot.inbox.of(Kind.MEMBERSHIP)[-1]
    assert (event.text, event.addressed, event.sender.id) == ("leave", True, scene.ann.id)
    with pytest.raises(Rejected):
        await scene.adapter.send(at(scene.adapter, scene.room), body("hello?"), "key")


@pytest.mark.parametrize("preset", ["public_chat", "private_chat"])
async def test_a_room_that_moves_is_followed(scene: Scene, preset: str) -> None:
    """Into an open replacement at once; into one by invitation when the bot is invited."""
    room = await room_of(scene.ann, scene.bot.user, preset=preset)
    path = f"/client/v3/rooms/{room}/upgrade"
    new = (await scene.ann.call("POST", path, {"new_version": "10"}))["replacement_room"]
    if preset == "private_chat":
        await scene.ann.call("POST", f"/client/v3/rooms/{new}/invite", {"user_id": scene.bot.user})
    await until(lambda: (new, scene.bot.user, "join") in scene.ann.timeline.members)
    await until(lambda: bool(scene.bot.inbox.of(Kind.MOVED)))
    [moved] = scene.bot.inbox.of(Kind.MOVED)
    assert (moved.text, moved.address.room) == (room, new)
    await scene.ann.send(new, text("here now"))
    await until(lambda: scene.bot.inbox.texts == ["here now"])


async def test_a_room_that_only_claims_to_move_is_not_followed(scene: Scene) -> None:
    """Whether the bot could look at the other room, could not, or was there already."""
    public = await scene.ann.create({"preset": "public_chat"})
    closed = await scene.ann.create({"preset": "private_chat"})
    known = await room_of(scene.ann, scene.bot.user)
    for number, other in enumerate((public, closed, known, "!none:localhost")):
        room = await room_of(scene.ann, scene.bot.user)
        tombstone = {"body": "moved", "replacement_room": other}
        await scene.ann.call("PUT", f"/client/v3/rooms/{room}/state/m.room.tombstone/", tombstone)
        await scene.ann.send(room, text(f"follow {number}"))
        await until(lambda: f"follow {number}" in scene.bot.inbox.texts)  # noqa: B023
    assert scene.bot.inbox.of(Kind.MOVED) == []
    assert await people(scene, public) == await people(scene, closed) == {scene.ann.id}
    assert await people(scene, known) == {scene.ann.id, scene.bot.user}
    assert (public, scene.bot.user, "join") in scene.ann.timeline.members


async def test_a_room_that_only_claims_to_be_a_successor_is_none(scene: Scene) -> None:
    """Somebody names a room of the bot's as the predecessor of theirs."""
    create = {"predecessor": {"room_id": scene.room, "event_id": "$last"}}
    theirs = await room_of(scene.ann, scene.bot.user, creation_content=create)
    await scene.ann.send(theirs, text("hello"))
    await until(lambda: scene.bot.inbox.texts == ["hello"])
    assert scene.bot.inbox.of(Kind.MOVED) == []


async def people(scene: Scene, room: str) -> set[str]:
    """Who is in a room, as the server has it."""
    path = f"/client/v3/rooms/{room}/joined_members"
    return set((await scene.ann.call("GET", path, {}))["joined"])
