"""What administrators' subcommands share: their form, and whom or what an argument means."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.access import Role
from bot.commands.base import Invocation
from storage.records import AuditEntry, Place, RoomState


class Usage(Exception):
    """The arguments do not fit."""


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
    return AuditEntry(call.person, action, target, json.dumps(detail), outcome)


async def person_of(call: Invocation, text: str) -> str | None:
    """The key of a person who is named by key, by `platform:id`, or by a name that one has.

    Anybody can call themselves anything, so a name is looked for among those who are let in only;
    a full key may be somebody's who never wrote.
    """
    known, roster = await call.desk.members.known(), call.desk.roster
    platform, _, rest = text.partition(":")
    account, _, person_id = rest.partition(":")
    keys = {key for key, _, _ in known} | roster.given().keys()
    if text in keys or (person_id and (platform, account) in call.desk.adapters):
        return text
    found = [key for key in keys if key.startswith(f"{platform}:") and key.split(":", 2)[2] == rest]
    if not rest:
        found = [
            key
            for key, name, _ in known
            if name.casefold() == text.casefold() and roster.role_of(key) is not Role.UNKNOWN
        ]
    return found[0] if len(found) == 1 else None


def room_of(call: Invocation, text: str) -> RoomState | None:
    """The room that is named by key or by a title that one has; without a text this one."""
    roster = call.desk.roster
    if not text:
        return None if call.event.address.direct else roster.room(call.event.address)
    rooms = roster.rooms()
    found = [room for room in rooms if text in (key_of(room.place), room.title)]
    return found[0] if len(found) == 1 else None


def key_of(place: Place) -> str:
    """A room's key."""
    return f"{place.platform}:{place.account}:{place.room}"


def code(text: str) -> str:
    """A name or a key that nothing in it turns into markup."""
    return f"`{text.replace('`', chr(39))}`"
