"""What administrators' subcommands share: their form, and whom or what an argument means."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.change import Change
from bot.commands.base import Invocation
from bot.people import find_person
from storage.records import AuditEntry, RoomState

MOST_DIGITS = 9
"""Of a number in a command; SQLite keeps a few more."""


class Usage(Exception):
    """The arguments do not fit; the text says what is wrong, where more is known than that."""


@dataclass(frozen=True, slots=True)
class Subcommand:
    """`admin NAME …`; `run` gets what follows the name."""

    name: str
    run: Callable[[Invocation, str], Awaitable[None]]


def alone(name: str, run: Callable[[Invocation], Awaitable[None]]) -> Subcommand:
    """A subcommand without arguments."""

    async def checked(call: Invocation, rest: str) -> None:
        if rest:
            raise Usage
        await run(call)

    return Subcommand(name, checked)


def entry(
    call: Invocation, target: str = "", *, outcome: str = "done", **detail: object
) -> AuditEntry:
    """The audit entry of what is being done."""
    action = " ".join(["admin", *call.arguments.split()[:1]])
    return AuditEntry(call.person, action, target, json.dumps(detail), outcome, call.origin)


def number(word: str, least: int = 1) -> int:
    """A whole number that somebody wrote. Raises `Usage`."""
    if not (word.isdecimal() and len(word) <= MOST_DIGITS and int(word) >= least):
        raise Usage
    return int(word)


def noted(call: Invocation, target: str = "") -> Change:
    """What is done outside the database, or only looked at, is written down with its reply."""
    return Change((call.desk.audit.adding(entry(call, target)),))


async def person_of(call: Invocation, text: str) -> str | None:
    """The key of the person who is meant, if exactly one is; see `find_person`."""
    known = await call.desk.members.known()
    return find_person(text, known, call.desk.roster, call.desk.adapters)


def room_of(call: Invocation, text: str) -> RoomState | None:
    """The room that is named by key or by a title that one has; without a text this one."""
    roster = call.desk.roster
    if not text:
        return None if call.event.address.direct else roster.room(call.event.address)
    rooms = roster.rooms()
    keyed = [room for room in rooms if text == room.place.key]
    found = keyed or [room for room in rooms if text == room.title]
    return found[0] if len(found) == 1 else None


async def target_of(call: Invocation, text: str) -> RoomState | str | None:
    """The room or the person who is meant, if exactly one of all is.

    A room's title is whatever its people call it, so that it counts for nothing against a key, and
    decides nothing against a person of the same name.
    """
    room, person = room_of(call, text), await person_of(call, text)
    if room and text != room.place.key and person:
        return person if text == person else None
    return room or person


def known_room(call: Invocation, text: str) -> RoomState:
    """The room that is meant, as `room_of` finds it. Raises `Usage`."""
    room = room_of(call, text)
    if room is None:
        raise Usage(no_room_known(call, text) if text else "")
    return room


def no_room_known(call: Invocation, name: str) -> str:
    """That no room, or more than one, is called so."""
    return call.texts.no_room_known.format(name=code(name), sign=call.sign)


def nobody_known(call: Invocation, name: str) -> str:
    """That nobody, or more than one, is called so."""
    return call.texts.nobody_known.format(name=code(name), sign=call.sign)


def code(text: str) -> str:
    """A name or a key that nothing in it turns into markup."""
    return f"`{text.replace('`', chr(39))}`"
