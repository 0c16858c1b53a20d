"""Who may see which room and post. Whoever must not know of one is told that there is none."""

from collections.abc import Sequence

from adapters.base import Rejected
from adapters.web.refusal import Refused
from adapters.web.store import Member, PageStore, Post, Room

DIRECT = "direct-"
"""How the ids of rooms between one person and the bot begin."""


class Rooms:
    """The rooms of a store; they never change, so those that were seen are kept at hand."""

    def __init__(self, store: PageStore, bot_name: str) -> None:
        self._store = store
        self._bot_name = bot_name
        self._known: dict[str, Room] = {}

    @property
    def known(self) -> Sequence[str]:
        """The ids of the rooms that anybody looked at since the start."""
        return list(self._known)

    def direct(self, member: Member) -> Room:
        """The member's own room with the bot."""
        return Room(f"{DIRECT}{member.id}", self._bot_name, member.id)

    async def of(self, member: Member) -> list[Room]:
        """A member's rooms; the direct one comes into being when it is first looked for."""
        rooms = await self._store.rooms(member.id)
        if not any(room.owner == member.id for room in rooms):
            await self._store.add_room(self.direct(member))
            rooms = await self._store.rooms(member.id)
        self._known.update({room.id: room for room in rooms})
        return rooms

    async def add(self, room: Room) -> Room:
        """Keep a shared room; the one that is there under its id. Raises `Refused`."""
        if room.id.startswith(DIRECT):
            raise Refused("no_room")
        await self._store.add_room(room)
        return await self.get(room.id)

    async def get(self, room_id: str) -> Room:
        """A room. Raises `Rejected`."""
        room = await self._find(room_id)
        if room is None:
            raise Rejected(f"there is no room {room_id}")
        return room

    async def visible(self, member: Member, room_id: str) -> Room:
        """A room that the member sees. Raises `Refused`."""
        room = await self._find(room_id)
        if room is None or room.owner not in ("", member.id):
            raise Refused("no_room")
        return room

    async def post(self, member: Member, post_id: str) -> tuple[Post, Room]:
        """A post that the member sees, or saw before it was removed. Raises `Refused`."""
        post = await self._store.get(post_id)
        if post is None:
            raise Refused("gone")
        return post, await self.visible(member, post.room)

    async def quoted(self, room: Room, post_id: str) -> Post | None:
        """The post in the room that another replies to, if it is still there."""
        post = await self._store.get(post_id) if post_id else None
        return post if post and post.room == room.id and not post.removed else None

    async def _find(self, room_id: str) -> Room | None:
        room = self._known.get(room_id) or await self._store.room(room_id)
        if room:
            self._known[room_id] = room
        return room
