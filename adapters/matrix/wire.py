"""PURE. Events of a room, in clear → `MessageEvent`s.

What an event alone does not tell (what it replies to, which thread the message that it edits is
in) comes in a `Context`, which `inbound.py` fills.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from adapters.base import Address, Attachment, Kind, MessageEvent, Person, Quote
from adapters.matrix.room import Room
from adapters.matrix.words import Me, Words, caption, read

PLATFORM = "matrix"
TEXTS = ("m.text", "m.emote")
FILES = ("m.file", "m.image", "m.audio", "m.video")

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """Where an event happened and what it is about.

    `thread` is that of the message an edit, reaction or redaction is about; `quote` what a message
    replies to.
    """

    account: str
    me: Me
    room: Room
    thread: str = ""
    quote: Quote | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """What an event says it relates to (client-server API, "Forwarding/relationships")."""

    kind: str = ""
    target: str = ""
    key: str = ""
    reply_to: str = ""


def relation(event: Raw) -> Relation:
    """The event's relation; a thread's fallback reply is none."""
    relates = _object(_content(event), "m.relates_to")
    kind, target = _string(relates, "rel_type"), _string(relates, "event_id")
    reply_to = _string(_object(relates, "m.in_reply_to"), "event_id")
    is_fallback = kind == "m.thread" and relates.get("is_falling_back") is True
    return Relation(kind, target, _string(relates, "key"), "" if is_fallback else reply_to)


def message(event: Raw, context: Context) -> MessageEvent | None:
    """An `m.room.message` that is no edit; None for a notice or an empty one."""
    relates, content = relation(event), _content(event)
    file = _file(content)
    if content.get("msgtype") not in TEXTS and file is None:
        return None
    words = _words(caption(content) if file else content, context, bool(relates.reply_to))
    thread = relates.target if relates.kind == "m.thread" else ""
    return _event(
        event,
        context,
        kind=Kind.COMMAND if words.is_command else Kind.MESSAGE,
        thread=thread,
        text=words.text,
        addressed=words.mentioned or bool(context.quote and context.quote.from_bot),
        quote=context.quote,
        files=(file,) if file else (),
    )


def edit(event: Raw, context: Context) -> MessageEvent | None:
    """An `m.room.message` with `m.replace`."""
    content = _object(_content(event), "m.new_content")
    if content.get("msgtype") not in TEXTS:
        return None
    words = _words(content, context, False)
    return _event(
        event,
        context,
        kind=Kind.EDIT,
        about=relation(event).target,
        thread=context.thread,
        text=words.text,
        addressed=words.mentioned,
    )


def reaction(event: Raw, context: Context) -> MessageEvent | None:
    """An `m.reaction`; the emoji without its variation selector."""
    relates = relation(event)
    if relates.kind != "m.annotation" or not relates.target:
        return None
    emoji = relates.key.replace("\ufe0f", "").rstrip("🏻🏼🏽🏾🏿")
    return _event(
        event,
        context,
        kind=Kind.REACTION,
        about=relates.target,
        thread=context.thread,
        text=emoji,
    )


def redacted(event: Raw) -> str:
    """The event that an `m.room.redaction` takes back; room version 11 moved it."""
    return _string(_content(event), "redacts") or _string(event, "redacts")


def deletion(event: Raw, context: Context) -> MessageEvent:
    """An `m.room.redaction` of a message."""
    return _event(event, context, kind=Kind.DELETE, about=redacted(event), thread=context.thread)


def reaction_taken_back(event: Raw, context: Context, target: str) -> MessageEvent:
    """An `m.room.redaction` of a reaction to the message `target`."""
    return _event(event, context, kind=Kind.REACTION, about=target, thread=context.thread)


def membership(event: Raw, context: Context) -> MessageEvent | None:
    """An `m.room.member`: who joined or left; None for a new name or picture."""
    before = _string(_object(_object(event, "unsigned"), "prev_content"), "membership")
    now = _string(_content(event), "membership")
    who = _string(event, "state_key")
    if now == before or now not in ("join", "leave", "ban") or (now == "leave" and not before):
        return None
    own = who == context.me.user_id
    return _event(
        event,
        context,
        kind=Kind.MEMBERSHIP,
        sender=_string(event, "sender") if own else who,
        text="join" if now == "join" else "leave",
        addressed=own,
    )


def arrives(event: Raw, me: Me) -> bool:
    """Whether the bot is in the room from here on."""
    return _is_own_member(event, me) and _string(_content(event), "membership") == "join"


def moved(context: Context) -> MessageEvent:
    """The room went on as another one; its people come along."""
    former = context.room
    new = Room(former.replacement, former.name, former.is_encrypted, members=former.members)
    context = Context(context.account, context.me, new)
    return _event(former.tombstone, context, kind=Kind.MOVED, text=former.id)


def unreadable(event: Raw, context: Context) -> MessageEvent:
    """An event that the bot has no key for: one notice for each key."""
    key = _string(_content(event), "session_id") or _string(event, "event_id")
    thread = relation(event)
    return _event(
        event,
        context,
        kind=Kind.UNREADABLE,
        event_id=f"unreadable:{key}",
        thread=thread.target if thread.kind == "m.thread" else "",
    )


def invite(room_id: str, state: list[Raw], context: Context) -> MessageEvent | None:
    """An invitation, from the stripped state that a sync shows of it."""
    own = [each for each in state if _is_own_member(each, context.me)]
    if not own:
        return None
    event = own[-1]
    event_id = _string(event, "event_id") or f"invite:{room_id}:{_string(event, 'sender')}"
    is_direct = _content(event).get("is_direct") is True
    address = Address(PLATFORM, context.account, room_id, direct=is_direct)
    sender = _string(event, "sender")
    return MessageEvent(
        event_id=event_id,
        kind=Kind.INVITE,
        address=address,
        sender=Person(sender, context.room.name_of(sender)),
        message_id=event_id,
        sent_at=_sent_at(event),
        addressed=True,
        room_name=context.room.name,
    )


def quote_of(event: Raw, me: Me, room: Room) -> Quote:
    """What a message that is replied to says; of an edited one, its latest text if it is here."""
    content = _content(event)
    newest = _object(_object(_object(event, "unsigned"), "m.relations"), "m.replace")
    content = _object(_content(newest), "m.new_content") or content
    is_reply = bool(relation(event).reply_to)
    author = _string(event, "sender")
    words = read(content, me, direct=False, is_reply=is_reply)
    return Quote(_string(event, "event_id"), room.name_of(author), words.text, author == me.user_id)


def _words(content: Raw, context: Context, is_reply: bool) -> Words:
    return read(content, context.me, direct=context.room.is_direct, is_reply=is_reply)


def _file(content: Raw) -> Attachment | None:
    """A file; its id is what is needed to fetch it: where it is, and the keys if it is sealed."""
    if content.get("msgtype") not in FILES:
        return None
    sealed = _object(content, "file")
    source: dict[str, Any] = {"file": sealed} if sealed else {"url": _string(content, "url")}
    info = _object(content, "info")
    size = info.get("size")
    return Attachment(
        json.dumps(source, separators=(",", ":")),
        _string(content, "filename") or _string(content, "body"),
        _string(info, "mimetype"),
        size if isinstance(size, int) else None,
    )


def _event(
    event: Raw,
    context: Context,
    *,
    kind: Kind,
    about: str = "",
    event_id: str = "",
    sender: str = "",
    thread: str = "",
    text: str = "",
    addressed: bool = False,
    quote: Quote | None = None,
    files: tuple[Attachment, ...] = (),
) -> MessageEvent:
    own_id, room = _string(event, "event_id"), context.room
    sender = sender or _string(event, "sender")
    return MessageEvent(
        event_id=event_id or own_id,
        kind=kind,
        address=Address(
            PLATFORM, context.account, room.id, thread=thread or None, direct=room.is_direct
        ),
        sender=Person(sender, room.name_of(sender)),
        message_id=about or own_id,
        sent_at=_sent_at(event),
        text=text,
        addressed=addressed,
        quote=quote,
        files=files,
        room_name=room.name,
    )


def _is_own_member(event: Raw, me: Me) -> bool:
    return event.get("type") == "m.room.member" and event.get("state_key") == me.user_id


def _sent_at(event: Raw) -> datetime:
    at_ms = event.get("origin_server_ts")
    if isinstance(at_ms, int) and 0 <= at_ms < 32_503_680_000_000:  # the year 3000
        return datetime.fromtimestamp(at_ms / 1000, UTC)
    return datetime.fromtimestamp(0, UTC)


def _content(event: Raw) -> dict[str, Any]:
    return _object(event, "content")


def _object(value: Raw, key: str) -> dict[str, Any]:
    part = value.get(key)
    return cast("dict[str, Any]", part) if isinstance(part, dict) else {}


def _string(value: Raw, key: str) -> str:
    part = value.get(key)
    return part if isinstance(part, str) else ""
