"""What hangs in the rooms, as every open tab shows it: posts, growing answers, who is there."""

from collections.abc import Iterator

from adapters.web import wire
from adapters.web.hub import Hub
from adapters.web.preview import LivePreview
from adapters.web.rooms import Rooms
from adapters.web.store import Member, Post, Room


class Board:
    """Tells the tabs. `seq` is that of the newest change that was told since the start, or 0."""

    def __init__(self, hub: Hub, rooms: Rooms) -> None:
        self.seq = 0
        self._hub = hub
        self._rooms = rooms
        self._previews: dict[str, LivePreview] = {}

    async def publish(self, post: Post) -> None:
        """Show a post, new or changed; it takes the place of the preview under its id."""
        self.seq = max(self.seq, post.seq)
        preview = self._previews.get(post.id)
        if preview:
            preview.end()
        self._hub.tell_room(await self._rooms.get(post.room), wire.post_frame(post))

    async def open(self, room_id: str, key: str) -> LivePreview:
        """Show that an answer begins to grow."""
        room = await self._rooms.get(room_id)
        preview = LivePreview(room, key, self._hub.tell_room, lambda: self._drop(key))
        self._previews[key] = preview
        return preview

    def previews(self, member: Member) -> Iterator[LivePreview]:
        """The growing answers that a member sees."""
        return (each for each in self._previews.values() if each.room.owner in ("", member.id))

    async def show_typing(self, room_id: str) -> None:
        """Show for a while that the bot writes."""
        room = await self._rooms.get(room_id)
        self._hub.tell_room(room, wire.frame("typing", room=room.id))

    def show_person(self, member: Member) -> None:
        """Show everybody who came, went or joined."""
        online = self._hub.is_online(member.id)
        self._hub.tell_all(wire.frame("person", person=wire.person(member, online=online)))

    def show_room(self, room: Room) -> None:
        """Show everybody a new room."""
        self._hub.tell_all(wire.frame("room", room=wire.room(room)))

    def begin_anew(self) -> None:
        """Have every tab forget the posts it knows and ask again."""
        self._hub.tell_all(wire.frame("stale"))

    def _drop(self, key: str) -> None:
        self._previews.pop(key, None)
