"""`admin allow | deny | rooms | announce`: where the bot answers, and what it says everywhere."""

from dataclasses import replace

from adapters.base import Address
from bot.access import OPEN_PLATFORMS, Role
from bot.codec import answer_key, place_destination
from bot.commands.admin.base import Subcommand, Usage, code, entry, key_of, person_of, room_of
from bot.commands.admin.people import give
from bot.commands.base import Invocation
from storage.outbox import posting
from storage.records import Body, Destination, Place, RoomState

MODES = {"every": True, "mention": False}


async def allow(call: Invocation, rest: str) -> None:
    """Let a person in, or answer in a room; without a name in this one."""
    await _let(call, rest, allowed=True)


async def deny(call: Invocation, rest: str) -> None:
    """Block a person, or fall silent in a room."""
    await _let(call, rest, allowed=False)


async def _let(call: Invocation, rest: str, *, allowed: bool) -> None:
    room = room_of(call, rest)
    if room is not None:
        title = room.title or call.event.room_name
        changed = replace(room, allowed=allowed, title=title)
        await call.desk.roster.put_room(changed, entry(call, key_of(room.place)))
        text = call.texts.room_allowed if allowed else call.texts.room_denied
        return await call.reply(text.format(room=code(title or key_of(room.place))))
    if not rest:
        raise Usage
    person = await person_of(call, rest)
    if person is None:
        return await call.reply(call.texts.nobody_known.format(name=code(rest)))
    before = call.desk.roster.role_of(person)
    if allowed and before >= Role.GUEST:
        text = call.texts.role_given.format(person=code(person), role=before.name.lower())
        return await call.reply(text)
    return await give(call, person, Role.MEMBER if allowed else Role.BLOCKED)


async def rooms(call: Invocation, rest: str) -> None:
    """List the rooms, or choose what is answered in one."""
    mode, _, name = rest.partition(" ")
    if not mode:
        return await _list(call)
    room = room_of(call, name.strip())
    if mode not in MODES or room is None:
        raise Usage
    changed = replace(room, every_message=MODES[mode])
    await call.desk.roster.put_room(changed, entry(call, key_of(room.place), mode=mode))
    text = call.texts.room_every if MODES[mode] else call.texts.room_mention
    return await call.reply(text.format(room=code(room.title or key_of(room.place))))


async def _list(call: Invocation) -> None:
    found = call.desk.roster.rooms()
    lines = [call.texts.rooms.format(count=len(found)), ""]
    lines += [f"- {code(room.title)} {code(key_of(room.place))}: {_state(room)}" for room in found]
    await call.reply("\n".join(lines))


def _state(room: RoomState) -> str:
    words = ["allowed" if room.allowed else "not allowed"]
    words += ["every message"] if room.every_message else []
    words += ["answers kept"] if room.keeps_answers else []
    words += [] if room.present else ["left"]
    return ", ".join(words)


async def announce(call: Invocation, rest: str) -> None:
    """Say something in every room that is allowed."""
    if not rest:
        raise Usage
    goals = [
        room
        for room in call.desk.roster.rooms()
        if room.allowed and room.present and room.place.platform not in OPEN_PLATFORMS
    ]
    posts = {answer_key(call.event, f"announce {key_of(r.place)}"): r.place for r in goals}
    steps = [
        posting(key, _destination(call, place), [Body(0, rest)]) for key, place in posts.items()
    ]
    steps.append(call.desk.audit.adding(entry(call, rooms=len(goals))))
    await call.reply(call.texts.announced.format(count=len(goals)), steps)
    for key in posts:
        call.desk.delivery.deliver(await call.desk.memory.outbox.parts(key))


def _destination(call: Invocation, place: Place) -> Destination:
    return place_destination(Address(place.platform, place.account, place.room), call.person)


SUBCOMMANDS = (
    Subcommand("allow", allow),
    Subcommand("deny", deny),
    Subcommand("rooms", rooms),
    Subcommand("announce", announce),
)
