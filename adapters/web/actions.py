"""What people do on the page: kept as posts and handed to the bot as events, both or neither.

Each action carries an id of the browser's making, the same when it is sent again: a post is kept
once under it, and the bot takes an event once under it.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from adapters.base import Address, Emit, Kind, MessageEvent, Person, Quote, Transient
from adapters.web import wire
from adapters.web.board import Board
from adapters.web.reading import PageSettings
from adapters.web.refusal import Refused
from adapters.web.rooms import Rooms
from adapters.web.store import Member, PageStore, Post, Room

PLATFORM = "web"
ACCOUNT = "page"
QUOTED_CHARS = 2_000


class Actions:
    """Does what people ask. `emit` is there while the bot takes events."""

    emit: Emit | None = None

    def __init__(
        self, store: PageStore, rooms: Rooms, board: Board, settings: PageSettings
    ) -> None:
        self._store = store
        self._rooms = rooms
        self._board = board
        self._creating = asyncio.Lock()  # two at once may want one name
        self._redact: Callable[[str], str] = settings.redact
        name = re.escape(settings.bot_name)
        self._mention = re.compile(rf"(?<!\w)@{name}(?!\w)", re.IGNORECASE)
        self._greeting = re.compile(rf"\s*@{name}(?!\w)[\s,:，：]*(?=\S)", re.IGNORECASE)

    async def do(self, member: Member, action: wire.Action) -> None:
        """Do it; on return it is on disk. Raises `Refused`, and `Transient` to try later."""
        match action:
            case wire.Say():
                await self._say(member, action)
            case wire.Edit():
                text = self._redact(action.text)
                await self._change(member, action, action.post, text if text.strip() else None)
            case wire.Delete():
                await self._change(member, action, action.post, None)
            case wire.React():
                await self._react(member, action)
            case wire.Press():
                room = await self._rooms.visible(member, action.room)
                event = _event(member, room, action.id, Kind.COMMAND)
                await self._emit(replace(event, text=action.button, message_id=action.post))
            case wire.Create():
                await self._create(member, action)

    async def joined(self, member: Member) -> None:
        """Tell the others and the bot of somebody new."""
        self._board.show_person(member)
        event = _event(member, self._rooms.direct(member), f"join-{member.id}", Kind.MEMBERSHIP)
        with suppress(Transient):
            await self._emit(replace(event, text="join"))

    async def _say(self, member: Member, action: wire.Say) -> None:
        room = await self._rooms.visible(member, action.room)
        quoted = await self._rooms.quoted(room, action.reply_to)
        said = self._redact(action.text)
        if not said.strip():
            raise Refused("empty")
        event = _event(member, room, action.id, Kind.MESSAGE)
        event = self._with_text(replace(event, message_id=action.id), room, said, quoted)
        if said.startswith("/"):
            event = replace(event, kind=Kind.COMMAND, text=said.removeprefix("/"))
        author, now = member.name, event.sent_at
        post = Post(action.id, room.id, member.id, author, said, now, reply_to=action.reply_to)
        stored, _ = await asyncio.gather(self._store.post(post), self._emit(event))
        if stored.author != member.id:
            raise Refused("not_yours")
        await self._board.publish(stored)

    async def _change(
        self, member: Member, action: wire.Action, post_id: str, text: str | None
    ) -> None:
        """Give one's own post another text, or none."""
        post, room = await self._rooms.post(member, post_id)
        if post.author != member.id:
            raise Refused("not_yours")
        if post.removed and text is not None:
            raise Refused("gone")
        quoted = await self._rooms.quoted(room, post.reply_to)
        event = _event(member, room, action.id, Kind.DELETE if text is None else Kind.EDIT)
        event = self._with_text(replace(event, message_id=post.id), room, text or "", quoted)
        change = self._store.remove(post_id) if text is None else self._store.revise(post_id, text)
        stored, _ = await asyncio.gather(change, self._emit(event))
        if stored:
            await self._board.publish(stored)

    async def _react(self, member: Member, action: wire.React) -> None:
        post, room = await self._rooms.post(member, action.post)
        if post.author or post.removed:
            raise Refused("no_answer")
        event = _event(member, room, action.id, Kind.REACTION)
        await self._emit(replace(event, text=action.emoji, message_id=post.id))

    async def _create(self, member: Member, action: wire.Create) -> None:
        name = " ".join(self._redact(action.name).split())
        if not name:
            raise Refused("room_empty")
        async with self._creating:
            others = [room for room in await self._rooms.of(member) if room.id != action.id]
            if name.casefold() in {room.name.casefold() for room in others if not room.owner}:
                raise Refused("room_taken", name)
            self._board.show_room(await self._rooms.add(Room(action.id, name)))

    def _with_text(
        self, event: MessageEvent, room: Room, text: str, quoted: Post | None
    ) -> MessageEvent:
        """The event with its text, what it replies to, and whether that addresses the bot."""
        quote = quoted and Quote(
            quoted.id, quoted.author_name, quoted.text[:QUOTED_CHARS], from_bot=not quoted.author
        )
        to_bot = quote is not None and quote.from_bot
        addressed = bool(room.owner) or to_bot or self._mention.search(text) is not None
        greeting = self._greeting.match(text)
        asked = text[greeting.end() :] if greeting else text
        return replace(event, text=asked, quote=quote, addressed=addressed)

    async def _emit(self, event: MessageEvent) -> None:
        if self.emit is None:
            raise Transient("the bot takes nothing now")
        await self.emit([event], None)


def _event(member: Member, room: Room, event_id: str, kind: Kind) -> MessageEvent:
    return MessageEvent(
        event_id=event_id,
        kind=kind,
        address=Address(PLATFORM, ACCOUNT, room.id, direct=bool(room.owner)),
        sender=Person(member.id, member.name, member.language),
        message_id="",
        sent_at=datetime.now(UTC),
        addressed=True,
        room_name="" if room.owner else room.name,
    )
