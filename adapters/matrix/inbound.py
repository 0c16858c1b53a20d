"""Events of rooms as they come in a sync → `MessageEvent`s: decrypted, with what they are about.

What can't be decrypted is told once for each key, and waits, bounded, for the key to arrive; which
events those are is part of the cursor (`sync`), so that a restart forgets none.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import structlog

from adapters.base import MessageEvent, Quote, Rejected
from adapters.matrix import wire
from adapters.matrix.http import Homeserver
from adapters.matrix.machine import Machine, Undecryptable
from adapters.matrix.moves import Moves
from adapters.matrix.room import Room
from adapters.matrix.rooms import Rooms
from adapters.matrix.wire import Context, Raw
from adapters.matrix.words import Me

log = structlog.get_logger(__name__)

REMEMBERED = 4_096
"""Messages and reactions whose place is remembered; of others, the server is asked."""
WAITING = 512
"""Encrypted events that wait for their key; beyond, the oldest is given up."""

V = TypeVar("V")


class Recent(Generic[V]):
    """The latest values by their keys."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._values: OrderedDict[str, V] = OrderedDict()

    def put(self, key: str, value: V) -> None:
        """Remember, and forget the oldest."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._bound:
            self._values.popitem(last=False)

    def get(self, key: str) -> V | None:
        """What is remembered."""
        return self._values.get(key)

    def values(self) -> list[V]:
        """All, oldest first."""
        return list(self._values.values())

    def drop(self, key: str) -> None:
        """Forget one."""
        self._values.pop(key, None)


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose a message is and in which thread it is."""

    sender: str
    thread: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """An event that waits for its key; `event` is None until it was asked for again."""

    room_id: str
    event_id: str
    event: Raw | None = None


class Inbound:
    """What comes in for one account."""

    def __init__(
        self, server: Homeserver, machine: Machine, rooms: Rooms, account: str, me: Me
    ) -> None:
        self._server = server
        self._machine = machine
        self._rooms = rooms
        self._account = account
        self._me = me
        self._moves = Moves(server, rooms, me.user_id)
        self._origins: Recent[Origin] = Recent(REMEMBERED)
        self._reactions: Recent[str] = Recent(REMEMBERED)
        self._noticed: Recent[str] = Recent(REMEMBERED)
        self._waiting: Recent[Sealed] = Recent(WAITING)

    @property
    def waiting(self) -> list[tuple[str, str]]:
        """The rooms and ids of the events that wait for their keys, oldest first."""
        return [(sealed.room_id, sealed.event_id) for sealed in self._waiting.values()]

    def expect(self, waiting: Iterable[tuple[str, str]]) -> None:
        """Let events wait that waited before a restart."""
        for room_id, event_id in waiting:
            if self._waiting.get(event_id) is None:
                self._waiting.put(event_id, Sealed(room_id, event_id))

    async def read(self, room_id: str, events: Iterable[Raw]) -> list[MessageEvent]:
        """What a room's events say, in order."""
        events = list(events)
        sealed = {str(e.get("sender")) for e in events if e.get("type") == "m.room.encrypted"}
        if sealed - {self._me.user_id}:
            await self._machine.meet(sealed)
        read: list[MessageEvent] = []
        for event in events:
            if wire.arrives(event, self._me):
                read += await self._origin_of(room_id)
            if said := await self._one(room_id, event):
                read.append(said)
        return read

    async def read_waiting(self) -> list[MessageEvent]:
        """What can be read since keys came. An error leaves all of it waiting."""
        read: list[MessageEvent] = []
        settled: list[str] = []
        for sealed in self._waiting.values():
            event = sealed.event or await self._fetch(sealed.room_id, sealed.event_id)
            if event is None or not event.get("content"):
                settled.append(sealed.event_id)  # gone, or taken back by its author
                continue
            if self._opened(sealed.room_id, event) is None:
                self._waiting.put(sealed.event_id, replace(sealed, event=event))
                continue
            read += await self.read(sealed.room_id, [event])
            settled.append(sealed.event_id)
        for event_id in settled:
            self._waiting.drop(event_id)
        return read

    def note_own(self, event_id: str, thread: str) -> None:
        """The bot sent a message."""
        self._origins.put(event_id, Origin(self._me.user_id, thread))

    async def _one(self, room_id: str, event: Raw) -> MessageEvent | None:
        if event.get("sender") == self._me.user_id and event.get("type") != "m.room.member":
            return None
        room = await self._rooms.met(room_id)
        context = Context(self._account, self._named(room), room)
        if event.get("type") == "m.room.encrypted":
            clear = self._opened(room_id, event)
            if clear is None:
                return self._unreadable(room_id, event, context)
            event = clear
        try:
            return await self._clear(event, context)
        except (TypeError, ValueError, AttributeError) as error:  # a stranger's event stops nobody
            log.warning("an event can't be read", room=room_id, error=type(error).__name__)
            return None

    async def _clear(self, event: Raw, context: Context) -> MessageEvent | None:
        match event.get("type"):
            case "m.room.message":
                return await self._message(event, context)
            case "m.reaction":
                return await self._reaction(event, context)
            case "m.room.redaction":
                return await self._redaction(event, context)
            case "m.room.member":
                return wire.membership(event, context)
            case "m.room.tombstone" if context.room.replacement:
                return wire.moved(context) if await self._moves.follow(context.room) else None
            case _:
                return None

    async def _origin_of(self, room_id: str) -> list[MessageEvent]:
        """That an earlier room went on as this one, before anything else that is said here."""
        former = await self._moves.origin(await self._rooms.met(room_id))
        return [wire.moved(Context(self._account, self._named(former), former))] if former else []

    async def _message(self, event: Raw, context: Context) -> MessageEvent | None:
        relates = wire.relation(event)
        if relates.kind == "m.replace":
            origin = await self._origin(context.room, relates.target)
            if origin is None or origin.sender != event.get("sender"):
                return None  # only authors edit
            return wire.edit(event, _in_thread(context, origin))
        if relates.reply_to:
            context = _quoting(context, await self._quote(context.room, relates.reply_to))
        thread = relates.target if relates.kind == "m.thread" else ""
        self._origins.put(str(event.get("event_id")), Origin(str(event.get("sender")), thread))
        return wire.message(event, context)

    async def _reaction(self, event: Raw, context: Context) -> MessageEvent | None:
        target = wire.relation(event).target
        self._reactions.put(str(event.get("event_id")), target)
        origin = await self._origin(context.room, target) if target else None
        return wire.reaction(event, _in_thread(context, origin))

    async def _redaction(self, event: Raw, context: Context) -> MessageEvent | None:
        redacted = wire.redacted(event)
        target = self._reactions.get(redacted)
        origin = self._origins.get(target or redacted)
        context = _in_thread(context, origin)
        if target:
            return wire.reaction_taken_back(event, context, target)
        return wire.deletion(event, context)

    async def _origin(self, room: Room, event_id: str) -> Origin | None:
        """Whose a message is; None if the bot may not see it."""
        origin = self._origins.get(event_id)
        if origin is None and (event := await self._fetch(room.id, event_id)):
            relates = wire.relation(event)
            thread = relates.target if relates.kind == "m.thread" else ""
            origin = Origin(str(event.get("sender")), thread)
            self._origins.put(event_id, origin)
        return origin

    async def _quote(self, room: Room, event_id: str) -> Quote | None:
        event = await self._fetch(room.id, event_id)
        if event is None:
            return None
        quote = wire.quote_of(self._opened(room.id, event) or event, self._named(room), room)
        newest = await self._newest(room, event)
        if newest is None:
            return quote
        text = wire.quote_of(newest, self._named(room), room).text
        return Quote(quote.message_id, quote.author, text or quote.text, quote.from_bot)

    async def _newest(self, room: Room, event: Raw) -> Raw | None:
        """A message as its latest edit left it, which the server sends along."""
        latest = event.get("unsigned", {}).get("m.relations", {}).get("m.replace")
        opened = self._opened(room.id, latest) if latest else None
        content: Any = (opened or {}).get("content", {}).get("m.new_content")
        return {"sender": event.get("sender"), "content": content} if content else None

    async def _fetch(self, room_id: str, event_id: str) -> Raw | None:
        try:
            return await self._server.get("v3", "rooms", room_id, "event", event_id)
        except Rejected:
            return None

    def _opened(self, room_id: str, event: Raw) -> Raw | None:
        """The event in clear; None without its key."""
        if event.get("type") != "m.room.encrypted":
            return event
        try:
            return self._machine.decrypt(event, room_id)
        except Undecryptable:
            return None

    def _unreadable(self, room_id: str, event: Raw, context: Context) -> MessageEvent | None:
        if not event.get("content"):
            return None  # taken back by its author
        event_id = str(event.get("event_id"))
        self._waiting.put(event_id, Sealed(room_id, event_id, event))
        notice = wire.unreadable(event, context)
        first = self._noticed.get(notice.event_id)
        if first not in (None, notice.message_id):
            return None
        self._noticed.put(notice.event_id, notice.message_id)
        self._machine.ask_for_key(event, room_id)
        log.warning("a message can't be decrypted", room=room_id, sender=notice.sender.id)
        return notice

    def _named(self, room: Room) -> Me:
        """The bot as it is called in a room."""
        return Me(self._me.user_id, (*self._me.names, room.name_of(self._me.user_id)))


def _in_thread(context: Context, origin: Origin | None) -> Context:
    thread = origin.thread if origin else ""
    return Context(context.account, context.me, context.room, thread, context.quote)


def _quoting(context: Context, quote: Quote | None) -> Context:
    return Context(context.account, context.me, context.room, context.thread, quote)
