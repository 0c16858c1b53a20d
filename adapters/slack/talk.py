"""PURE. Messages, what changes them and what removes them → events.

A mention in a channel arrives as `app_mention` and as `message`: both are read alike and give the
same event. A message that stands alone in a channel and mentions the bot begins a thread: the
answer goes below it.
"""

from collections.abc import Sequence
from dataclasses import replace

from adapters.base import Attachment, Kind, MessageEvent
from adapters.slack.fields import Json, table, tables, text
from adapters.slack.ids import is_direct, moment, name_of
from adapters.slack.scene import Scene
from adapters.slack.text import mentions

_SPOKEN = {"", "file_share", "me_message", "thread_broadcast"}
"""Subtypes of messages that a person wrote (Slack, "message subtypes")."""


def events(event: Json, scene: Scene) -> list[MessageEvent]:
    """What a `message` or an `app_mention` stands for."""
    channel = text(event.get("channel"))
    match text(event.get("subtype")):
        case "message_changed":
            found = _change(event, channel, scene)
        case "message_deleted":
            found = _removal(event, table(event.get("previous_message")), channel, scene)
        case subtype if subtype in _SPOKEN:
            found = _message(event, channel, scene)
        case _:
            found = None
    return [found] if found else []


def _message(message: Json, channel: str, scene: Scene) -> MessageEvent | None:
    if not _is_from_person(message, scene):
        return None
    ts = text(message.get("ts"))
    files = attachments(message)
    written = scene.read(text(message.get("text")))
    if not written and not files:
        return None  # a poll, a call, a mention and nothing else
    return MessageEvent(
        event_id=f"m{name_of(channel, ts)}",
        kind=Kind.MESSAGE,
        address=scene.address(channel, _thread(message, channel, scene)),
        sender=scene.author(message),
        message_id=name_of(channel, ts),
        sent_at=moment(ts),
        text=written,
        addressed=_is_addressed(message, channel, scene),
        files=files,
        room_name="" if is_direct(channel) else scene.known.room(channel),
    )


def _change(event: Json, channel: str, scene: Scene) -> MessageEvent | None:
    """An edit by a person; not what Slack itself adds to a message, such as a link's preview."""
    message, before = table(event.get("message")), table(event.get("previous_message"))
    if text(message.get("subtype")) == "tombstone":  # it was deleted, what is below it stays
        return _removal(event, before, channel, scene)
    if text(message.get("text")) == text(before.get("text")):
        return None
    if text(message.get("subtype")) not in _SPOKEN:
        return None
    found = _message(message, channel, scene) or _emptied(message, channel, scene)
    if found is None:
        return None
    edited = text(table(message.get("edited")).get("ts")) or text(event.get("event_ts"))
    return replace(
        found,
        event_id=f"e{found.message_id}/{edited}",
        kind=Kind.EDIT,
        sent_at=moment(edited),
        addressed=found.addressed or _is_addressed(before, channel, scene),
        address=scene.address(channel, _thread(message, channel, scene, before)),
    )


def _emptied(message: Json, channel: str, scene: Scene) -> MessageEvent | None:
    """An edit that left nothing but the mention."""
    spoken = {**message, "text": "-"}
    found = _message(spoken, channel, scene)
    return replace(found, text="") if found else None


def _removal(event: Json, before: Json, channel: str, scene: Scene) -> MessageEvent | None:
    if not _is_from_person(before, scene):
        return None
    ts = text(before.get("ts")) or text(event.get("deleted_ts"))
    return MessageEvent(
        event_id=f"d{name_of(channel, ts)}",
        kind=Kind.DELETE,
        address=scene.address(channel, _thread(before, channel, scene)),
        sender=scene.author(before),
        message_id=name_of(channel, ts),
        sent_at=moment(text(event.get("event_ts"))),
        addressed=_is_addressed(before, channel, scene),
        room_name="" if is_direct(channel) else scene.known.room(channel),
    )


def attachments(message: Json) -> tuple[Attachment, ...]:
    """The files of a message. One that Slack only names is known by its id."""
    return tuple(_file(file) for file in tables(message.get("files")) if text(file.get("id")))


def _file(file: Json) -> Attachment:
    url = text(file.get("url_private_download")) or text(file.get("url_private"))
    size = file.get("size")
    return Attachment(
        id=url or text(file.get("id")),
        name=text(file.get("name")) or text(file.get("title")) or text(file.get("id")),
        mime=text(file.get("mimetype")),
        size_bytes=size if isinstance(size, int) else None,
    )


def _is_from_person(message: Json, scene: Scene) -> bool:
    user = text(message.get("user"))
    is_bot = message.get("bot_id") or message.get("bot_profile")
    return bool(user) and not is_bot and user not in (scene.me.user, "USLACKBOT")


def _is_addressed(message: Json, channel: str, scene: Scene) -> bool:
    return (
        is_direct(channel)
        or mentions(text(message.get("text")), scene.me.user)
        or text(message.get("parent_user_id")) == scene.me.user
    )


def _thread(message: Json, channel: str, scene: Scene, *others: Json) -> str | None:
    """The thread that a message is in, or begins by its mention of the bot."""
    thread = text(message.get("thread_ts"))
    if thread or is_direct(channel):
        return thread or None
    versions: Sequence[Json] = (message, *others)
    begins = any(mentions(text(each.get("text")), scene.me.user) for each in versions)
    return text(message.get("ts")) or None if begins else None
