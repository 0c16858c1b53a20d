"""Whether a room really went on as another one.

A tombstone is what somebody with power in a room says; it is believed when the other room's
`m.room.create` names this one as its predecessor (client-server API, "Room upgrades"). The bot goes
and looks: into the replacement as soon as the tombstone comes, and back at the predecessor when it
comes into a replacement that would not let it in before.
"""

from typing import Any

import structlog

from adapters.base import Rejected
from adapters.matrix.http import Homeserver
from adapters.matrix.room import Room
from adapters.matrix.rooms import Rooms

log = structlog.get_logger(__name__)


class Moves:
    """The moves of one account's rooms. `user` is the bot's id."""

    def __init__(self, server: Homeserver, rooms: Rooms, user: str) -> None:
        self._server = server
        self._rooms = rooms
        self._user = user

    async def follow(self, former: Room) -> bool:
        """Go where a room's tombstone points; False, and out again, if that is not its successor.

        Raises `RateLimited`, `Transient` and `Ambiguous`: ask again, nothing is decided then.
        """
        replacement = former.replacement
        try:
            await self._enter(replacement, former.id)
            if (await self._rooms.get(replacement)).predecessor == former.id:
                return True
            await self._go_back(replacement, former.id)
        except Rejected as error:
            log.warning("can't follow a room", room=former.id, to=replacement, why=str(error))
        else:
            log.warning("a room's claim to move is false", room=former.id, to=replacement)
        return False

    async def origin(self, room: Room) -> Room | None:
        """The room that went on as this one, if its tombstone says so."""
        if not room.predecessor:
            return None
        former = await self._rooms.met(room.predecessor)
        return former if former.replacement == room.id else None

    async def _enter(self, room: str, former: str) -> None:
        """Join, unless the bot is there: to join again would give it a new reason."""
        own = await self._own_state(room)
        if own.get("membership") != "join":
            self._rooms.forget(room)
            await self._server.post("v3", "join", room, body={"reason": _reason(former)})

    async def _go_back(self, room: str, former: str) -> None:
        """Leave a room that was entered for this tombstone alone; its state says whether it was."""
        own = await self._own_state(room)
        if own.get("membership") == "join" and own.get("reason") == _reason(former):
            await self._server.post("v3", "rooms", room, "leave", body={})
            self._rooms.forget(room)

    async def _own_state(self, room: str) -> dict[str, Any]:
        """The bot's membership; empty where it may not look."""
        try:
            path = ("rooms", room, "state", "m.room.member", self._user)
            return await self._server.get("v3", *path)
        except Rejected:
            return {}


def _reason(former: str) -> str:
    """Why the bot came."""
    return f"{former} says that it goes on here"
