"""`admin allow | deny | rooms | announce`: where the bot answers, and what it says everywhere."""

from dataclasses import replace

from adapters.base import Address
from bot.access import Role
from bot.change import Change
from bot.codec import answer_key, place_destination
from bot.commands.admin.base import (
    Subcommand,
    Usage,
    code,
    entry,
    known_room,
    nobody_known,
    noted,
    room_of,
    target_of,
)
from bot.commands.admin.people import give
from bot.commands.base import Invocation
from bot.reply import bodies_of
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
    target = await target_of(call, rest) if rest else room_of(call, rest)
    if isinstance(target, RoomState):
        return await _let_room(call, target, allowed=allowed)
    if not rest:
        raise Usage
    if target is None:
        return await call.reply(nobody_known(call, rest))
    return await _let_person(call, target, allowed=allowed)


async def _let_room(call: Invocation, room: RoomState, *, allowed: bool) -> None:
    title = room.title or call.event.room_name
    changed = replace(room, allowed=allowed, title=title)
    change = call.desk.roster.put_room(changed, entry(call, room.place.key))
    text = call.texts.room_allowed if allowed else call.texts.room_denied
    return await call.reply(text.format(room=code(title or room.place.key)), change)


async def _let_person(call: Invocation, person: str, *, allowed: bool) -> None:
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
    if mode not in MODES:
        raise Usage
    room = known_room(call, name.strip())
    changed = replace(room, every_message=MODES[mode])
    change = call.desk.roster.put_room(changed, entry(call, room.place.key, mode=mode))
    text = call.texts.room_every if MODES[mode] else call.texts.room_mention
    return await call.reply(text.format(room=code(room.title or room.place.key)), change)


async def _list(call: Invocation) -> None:
    found = call.desk.roster.rooms()
    lines = [call.texts.rooms.format(count=len(found)), ""]
    lines += [f"- {code(room.title)} {code(room.place.key)}: {_state(room)}" for room in found]
    await call.reply("\n".join(lines), noted(call))


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
        if room.allowed and room.present and _account(room.place) in call.desk.adapters
    ]
    posts = {answer_key(call.event, f"announce {r.place.key}"): r.place for r in goals}
    steps = [posting(key, *_letter(call, place, rest)) for key, place in posts.items()]
    change = Change((*steps, call.desk.audit.adding(entry(call, rooms=len(goals)))))
    await call.reply(call.texts.announced.format(count=len(goals)), change)
    for key in posts:
        call.desk.delivery.deliver(await call.desk.memory.outbox.parts(key))


def _letter(call: Invocation, place: Place, text: str) -> tuple[Destination, list[Body]]:
    """Where it goes and what it says there, in parts that fit the platform."""
    to = place_destination(Address(place.platform, place.account, place.room), call.person)
    return to, bodies_of(text, call.desk.adapters[_account(place)].limits)


def _account(place: Place) -> tuple[str, str]:
    return place.platform, place.account


SUBCOMMANDS = (
    Subcommand("allow", allow),
    Subcommand("deny", deny),
    Subcommand("rooms", rooms),
    Subcommand("announce", announce),
)
