"""What a member may read: everything a tab needs to begin, older posts, files."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from adapters.capabilities import CommandHint
from adapters.web import wire
from adapters.web.board import Board
from adapters.web.hub import Hub
from adapters.web.refusal import Refused
from adapters.web.rooms import Rooms
from adapters.web.store import Member, PageStore, Room

HISTORY_POSTS = 50
MISSED_POSTS = 200
"""A tab that missed more changes begins anew."""
OVERLAP = 50
"""Changes sent again to a tab that comes back: two at once may have reached it in either order."""


@dataclass(frozen=True, slots=True)
class PageSettings:
    """How the page presents the bot, and what it may keep.

    `notice` is what to know of the model that answers now, in a language; `commands` gives those of
    a language; `redact` is what every text passes before it is stored.
    """

    bot_name: str
    notice: Callable[[str], Awaitable[str]]
    commands: Callable[[str], Sequence[CommandHint]]
    redact: Callable[[str], str]


class Reading:
    """Answers to what tabs ask."""

    def __init__(
        self, store: PageStore, rooms: Rooms, hub: Hub, board: Board, settings: PageSettings
    ) -> None:
        self._store = store
        self._rooms = rooms
        self._hub = hub
        self._board = board
        self._settings = settings

    async def welcome(self, member: Member, after: int) -> list[str]:
        """The frames that a tab begins with, and what it missed since the change `after`."""
        rooms = await self._rooms.of(member)
        newest = await asyncio.gather(*(self._newest(room) for room in rooms))
        people = await self._store.members()
        missed = await self._missed(rooms, after)
        settings = self._settings
        welcome = wire.frame(
            "welcome",
            me={"id": member.id, "name": member.name},
            bot=settings.bot_name,
            notice=await settings.notice(member.language),
            rooms=[wire.room(*each) for each in zip(rooms, newest, strict=True)],
            people=[wire.person(each, online=self._hub.is_online(each.id)) for each in people],
            commands=[_hint(hint) for hint in settings.commands(member.language)],
        )
        previews = (preview.current() for preview in self._board.previews(member))
        return [welcome, *missed, *previews]

    async def history(self, member: Member, asked: wire.History) -> str:
        """A frame of older posts. Raises `Refused`."""
        room = await self._rooms.visible(member, asked.room)
        posts = await self._store.history(room.id, asked.before, HISTORY_POSTS)
        more = len(posts) == HISTORY_POSTS
        shown = [wire.shown(post) for post in posts]
        return wire.frame("history", room=room.id, posts=shown, more=more)

    async def file(self, member: Member, post_id: str) -> tuple[str, bytes]:
        """A post's file, its name and content. Raises `Refused`."""
        post, _ = await self._rooms.post(member, post_id)
        content = await self._store.attachment(post_id) if post.file_name else None
        if content is None:
            raise Refused("no_file")
        return post.file_name, content

    async def _newest(self, room: Room) -> int:
        posts = await self._store.history(room.id, None, 1)
        return max((post.order for post in posts), default=0)

    async def _missed(self, rooms: Sequence[Room], after: int) -> Iterator[str]:
        if not after:
            return iter(())
        after = max(0, after - OVERLAP)
        missed = await self._store.changes([room.id for room in rooms], after)
        if len(missed) > MISSED_POSTS:
            return iter([wire.frame("stale")])
        return map(wire.post_frame, missed)


def _hint(hint: CommandHint) -> dict[str, str]:
    return {"name": hint.name, "arguments": hint.arguments, "help": hint.purpose}
