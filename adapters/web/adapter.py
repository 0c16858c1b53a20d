"""The page as the bot sees it: what people did as events, what the bot says as posts."""

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from adapters.base import (
    Address,
    Cursor,
    Emit,
    Kind,
    Limits,
    MessageEvent,
    MessageRef,
    Person,
    Preview,
    Quote,
    Rejected,
    Rendered,
    Transient,
)
from adapters.web import wire
from adapters.web.hub import Connection, Hub
from adapters.web.preview import LivePreview
from adapters.web.store import Member, PageStore, Post, Room

PLATFORM = "web"
ACCOUNT = "page"
DIRECT = "direct-"
"""How the ids of rooms between one person and the bot begin."""
HISTORY_POSTS = 50
MISSED_POSTS = 200
"""A tab that missed more changes begins anew."""
OVERLAP = 50
"""Changes sent again to a tab that comes back: two at once may have reached it in either order."""
FILE_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class CommandHint:
    """A command, for completion."""

    name: str
    arguments: str
    help: str


@dataclass(frozen=True, slots=True)
class PageSettings:
    """How the page presents the bot, and what it may keep.

    `commands` gives those of a language; `redact` is what every text passes before it is stored.
    """

    bot_name: str
    notice: str
    commands: Callable[[str], Sequence[CommandHint]]
    redact: Callable[[str], str]


class Refused(Exception):
    """An action that can't be done; the text says why."""


class WebAdapter:
    """The adapter of the page."""

    name = PLATFORM
    account = ACCOUNT
    limits = Limits(
        max_chars=50_000, dialect="html", edits_per_minute=60_000, sends_per_minute=60_000
    )

    def __init__(self, store: PageStore, settings: PageSettings) -> None:
        self.hub = Hub()
        self._store = store
        self._settings = settings
        self._mention = re.compile(rf"(?<!\w)@{re.escape(settings.bot_name)}(?!\w)", re.IGNORECASE)
        self._previews: dict[str, LivePreview] = {}
        self._rooms: dict[str, Room] = {}
        self._seq = 0
        self._emit: Emit | None = None

    async def run(self, emit: Emit, cursor: Cursor | None) -> None:
        """People's actions go to `emit` until cancelled; browsers keep them before and after."""
        self._emit = emit
        try:
            await asyncio.Event().wait()
        finally:
            self._emit = None

    async def send(self, to: Address, body: Rendered, key: str) -> MessageRef:
        """Post as the bot; a post under the same key stays the one it is."""
        await self._publish(await self._store.post(self._own_post(to, body.source, key)))
        return MessageRef(to, key)

    async def edit(self, ref: MessageRef, body: Rendered, key: str) -> None:
        """Give one of the bot's posts another text. Raises `Rejected` when it is gone."""
        post = await self._store.revise(ref.remote_id, body.source)
        if post is None:
            raise Rejected("the post is gone")
        await self._publish(post)

    async def delete(self, ref: MessageRef) -> None:
        """Take one of the bot's posts away."""
        post = await self._store.remove(ref.remote_id)
        if post:
            await self._publish(post)

    async def find(self, to: Address, key: str, since: datetime) -> MessageRef | None:
        """The post under a key."""
        post = await self._store.get(key)
        return MessageRef(to, post.id) if post else None

    async def typing(self, to: Address) -> None:
        """Show that the bot writes."""
        room = await self._room(to.room)
        self.hub.tell_room(room, wire.frame("typing", room=room.id))

    async def open_stream(self, to: Address, key: str) -> Preview:
        """An answer as it grows; the post under the same key takes its place."""
        preview = LivePreview(await self._room(to.room), key, self.hub.tell_room)
        preview.on_close = lambda: self._previews.pop(key, None) and None
        self._previews[key] = preview
        return preview

    async def send_file(self, to: Address, name: str, content: bytes, key: str) -> MessageRef:
        """Post a file, as a link that those who see the room may follow."""
        if len(content) > FILE_BYTES:
            raise Rejected(f"the file has more than {FILE_BYTES:,} bytes")
        post = self._own_post(to, name, key)
        await self._store.attach(key, content)
        await self._publish(await self._store.post(replace(post, file_name=name)))
        return MessageRef(to, key)

    async def export(self, person: str) -> object:
        """What the page keeps of a person, messages to others included."""
        return await self._store.export(person)

    async def forget(self, person: str) -> int:
        """Empty what a person wrote and was answered, in the store and in every open tab."""
        before = self._seq
        count = await self._store.forget(person)
        if not before:  # nothing was shown since the start, so what changed is not known
            self.hub.tell_all(wire.frame("stale"))
            return count
        for post in await self._store.changes(list(self._rooms), before):
            await self._publish(post)
        return count

    async def welcome(self, connection: Connection, after: int) -> None:
        """Everything a tab needs to begin, and what it missed since `after`."""
        member = connection.member
        rooms = await self.rooms(member)
        newest = await asyncio.gather(*(self._newest(room) for room in rooms))
        people = await self._store.members()
        connection.push(
            wire.frame(
                "welcome",
                me={"id": member.id, "name": member.name},
                bot=self._settings.bot_name,
                notice=self._settings.notice,
                rooms=[wire.room(*each) for each in zip(rooms, newest, strict=True)],
                people=[wire.person(each, online=self.hub.is_online(each.id)) for each in people],
                commands=[_hint(hint) for hint in self._settings.commands(member.language)],
            )
        )
        await self._catch_up(connection, rooms, after)
        for preview in self._previews.values():
            if preview.room.owner in ("", member.id):
                connection.push(preview.current())

    async def _newest(self, room: Room) -> int:
        return max((post.order for post in await self._store.history(room.id, None, 1)), default=0)

    async def _catch_up(self, connection: Connection, rooms: Sequence[Room], after: int) -> None:
        if not after:
            return None
        after = max(0, after - OVERLAP)
        missed = await self._store.changes([room.id for room in rooms], after)
        if len(missed) > MISSED_POSTS:
            return connection.push(wire.frame("stale"))
        for post in missed:
            connection.push(wire.post_frame(post))
        return None

    async def rooms(self, member: Member) -> list[Room]:
        """A member's rooms; the direct one comes into being when it is first looked for."""
        rooms = await self._store.rooms(member.id)
        if not any(room.owner == member.id for room in rooms):
            direct = self._direct_room(member)
            await self._store.add_room(direct)
            rooms.append(direct)
        self._rooms.update({room.id: room for room in rooms})
        return rooms

    async def history(self, member: Member, asked: wire.History) -> str:
        """A frame of older posts. Raises `Refused`."""
        room = await self._visible(member, asked.room)
        posts = await self._store.history(room.id, asked.before, HISTORY_POSTS)
        more = len(posts) == HISTORY_POSTS
        shown = [wire.shown(post) for post in posts]
        return wire.frame("history", room=room.id, posts=shown, more=more)

    async def act(self, member: Member, action: wire.Action) -> None:
        """Do what a person asked; when it returns it is on disk. Raises `Refused`."""
        match action:
            case wire.Say():
                await self._say(member, action)
            case wire.Edit():
                text = self._settings.redact(action.text)
                await self._change(member, action, action.post, text if text.strip() else None)
            case wire.Delete():
                await self._change(member, action, action.post, None)
            case wire.React():
                await self._react(member, action)
            case wire.Press():
                room = await self._visible(member, action.room)
                event = _event(member, room, action.id, Kind.COMMAND, action.button, action.post)
                await self._hand_over(event)
            case wire.Create():
                await self._create(member, action)

    async def joined(self, member: Member) -> None:
        """Tell the others and the bot of somebody new."""
        self.show_presence(member, online=False)
        room = self._direct_room(member)
        event = _event(member, room, f"join-{member.id}", Kind.MEMBERSHIP, "join", "")
        with suppress(Transient):
            await self._hand_over(event)

    def show_presence(self, member: Member, *, online: bool) -> None:
        """Tell everybody who comes and goes."""
        self.hub.tell_all(wire.frame("person", person=wire.person(member, online=online)))

    def _own_post(self, to: Address, text: str, key: str) -> Post:
        name, now = self._settings.bot_name, datetime.now(UTC)
        return Post(key, to.room, "", name, text, now, reply_to=to.reply_to)

    def _direct_room(self, member: Member) -> Room:
        return Room(f"{DIRECT}{member.id}", self._settings.bot_name, member.id)

    async def _say(self, member: Member, action: wire.Say) -> None:
        room = await self._visible(member, action.room)
        quoted = await self._quoted(room, action.reply_to)
        said = self._settings.redact(action.text)
        if not said.strip():
            raise Refused("The message is empty.")
        is_command = said.startswith("/")
        post = Post(
            id=action.id,
            room=room.id,
            author=member.id,
            author_name=member.name,
            text=said,
            posted_at=datetime.now(UTC),
            reply_to=action.reply_to,
        )
        kind = Kind.COMMAND if is_command else Kind.MESSAGE
        text = said.removeprefix("/") if is_command else said
        event = _event(member, room, action.id, kind, text, post.id)
        event = replace(event, addressed=self._addressed(room, said, quoted))
        if quoted:
            event = replace(event, quote=_quote(quoted))
        stored, _ = await asyncio.gather(self._store.post(post), self._hand_over(event))
        if stored.author != member.id:
            raise Refused("That message is somebody else's.")
        await self._publish(stored)

    async def _change(
        self, member: Member, action: wire.Action, post_id: str, text: str | None
    ) -> None:
        post = await self._post_of(member, post_id)
        if post.author != member.id:
            raise Refused("You can only change your own messages.")
        if post.removed and text is not None:
            raise Refused("That message is gone.")
        room = await self._room(post.room)
        kind = Kind.DELETE if text is None else Kind.EDIT
        event = _event(member, room, action.id, kind, text or "", post.id)
        quoted = await self._quoted(room, post.reply_to)
        event = replace(
            event,
            addressed=self._addressed(room, text or "", quoted),
            quote=_quote(quoted) if quoted else None,
        )
        change = self._store.remove(post_id) if text is None else self._store.revise(post_id, text)
        stored, _ = await asyncio.gather(change, self._hand_over(event))
        if stored:
            await self._publish(stored)

    async def _react(self, member: Member, action: wire.React) -> None:
        post = await self._post_of(member, action.post)
        if post.author or post.removed:
            raise Refused("There is no answer to rate.")
        room = await self._room(post.room)
        event = _event(member, room, action.id, Kind.REACTION, action.emoji, post.id)
        await self._hand_over(event)

    async def _create(self, member: Member, action: wire.Create) -> None:
        name = " ".join(self._settings.redact(action.name).split())
        if not name:
            raise Refused("Choose a name for the room.")
        if action.id.startswith(DIRECT):
            raise Refused("A room can't have that id.")
        others = [room for room in await self.rooms(member) if room.id != action.id]
        if name.casefold() in {room.name.casefold() for room in others if not room.owner}:
            raise Refused(f"There is a room “{name}” already. Choose another name.")
        await self._store.add_room(Room(action.id, name))
        room = await self._room(action.id)
        self.hub.tell_all(wire.frame("room", room=wire.room(room)))

    async def _hand_over(self, event: MessageEvent) -> None:
        if self._emit is None:
            raise Transient("the bot takes nothing now")
        await self._emit([event], None)

    def _addressed(self, room: Room, text: str, quoted: Post | None) -> bool:
        to_bot = quoted is not None and not quoted.author
        return bool(room.owner) or to_bot or self._mention.search(text) is not None

    async def _publish(self, post: Post) -> None:
        self._seq = max(self._seq, post.seq)
        preview = self._previews.get(post.id)
        if preview:
            preview.end()
        self.hub.tell_room(await self._room(post.room), wire.post_frame(post))

    async def _room(self, room_id: str) -> Room:
        room = self._rooms.get(room_id) or await self._store.room(room_id)
        if room is None:
            raise Rejected(f"there is no room {room_id}")
        self._rooms[room_id] = room
        return room

    async def _visible(self, member: Member, room_id: str) -> Room:
        room = self._rooms.get(room_id) or await self._store.room(room_id)
        if room is None or room.owner not in ("", member.id):
            raise Refused("There is no such room.")
        self._rooms[room_id] = room
        return room

    async def _post_of(self, member: Member, post_id: str) -> Post:
        """A post that the member sees, or saw before it was removed."""
        post = await self._store.get(post_id)
        if post is None:
            raise Refused("That message is gone.")
        await self._visible(member, post.room)
        return post

    async def _quoted(self, room: Room, post_id: str) -> Post | None:
        """The post in the same room that another replies to, if it is still there."""
        post = await self._store.get(post_id) if post_id else None
        return post if post and post.room == room.id and not post.removed else None

    async def file(self, member: Member, post_id: str) -> tuple[str, bytes]:
        """A post's file, its name and content. Raises `Refused`."""
        post = await self._post_of(member, post_id)
        content = await self._store.attachment(post_id) if post.file_name else None
        if content is None:
            raise Refused("There is no such file.")
        return post.file_name, content


def _event(
    member: Member, room: Room, event_id: str, kind: Kind, text: str, message_id: str
) -> MessageEvent:
    return MessageEvent(
        event_id=event_id,
        kind=kind,
        address=Address(PLATFORM, ACCOUNT, room.id, direct=bool(room.owner)),
        sender=Person(member.id, member.name, member.language),
        message_id=message_id,
        sent_at=datetime.now(UTC),
        text=text,
        addressed=True,
    )


def _quote(post: Post) -> Quote:
    return Quote(post.id, post.author_name, post.text[:2_000], from_bot=not post.author)


def _hint(hint: CommandHint) -> dict[str, str]:
    return {"name": hint.name, "arguments": hint.arguments, "help": hint.help}
