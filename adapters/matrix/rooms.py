"""What the bot knows of its rooms: who is there, what they are called, whether they are encrypted.

A room's state is read from the server when it is first needed and kept up with what syncs bring; a
gap in a sync forgets it. That a room is not encrypted is never remembered: `is_encrypted` asks the
server each time, so that a lost store or a lagging sync can't let plaintext out.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from adapters.base import Rejected
from adapters.matrix.errors import NotFound
from adapters.matrix.http import Homeserver
from adapters.matrix.room import Room


class Rooms:
    """The rooms that the bot met in this run."""

    def __init__(self, server: Homeserver) -> None:
        self._server = server
        self._rooms: dict[str, Room] = {}

    async def get(self, room_id: str) -> Room:
        """A room, read from the server when it is new. Raises `Refused` when the bot is not in."""
        room = self._rooms.get(room_id)
        if room is None:
            state: Any = await self._server.state(room_id)
            room = Room(room_id)
            for event in state:
                room.apply(event)
            self._rooms[room_id] = room
        return room

    async def met(self, room_id: str) -> Room:
        """A room, or what little is known of one that the bot may not look at."""
        try:
            return await self.get(room_id)
        except Rejected:
            return Room(room_id)

    def apply(self, room_id: str, events: Iterable[Mapping[str, Any]]) -> bool:
        """Take in state events of a sync; whether the room's people changed."""
        room = self._rooms.get(room_id)
        changed = [room.apply(event) for event in events] if room else []
        return any(changed)

    def forget(self, room_id: str) -> None:
        """What is known may be wrong: ask again."""
        self._rooms.pop(room_id, None)

    async def is_encrypted(self, room_id: str) -> bool:
        """Whether the room is encrypted, from the server unless it is known to be."""
        known = self._rooms.get(room_id)
        if known and known.is_encrypted:
            return True
        try:
            await self._server.get("v3", "rooms", room_id, "state", "m.room.encryption", "")
        except NotFound:
            return False
        if known:
            known.is_encrypted = True
        return True
