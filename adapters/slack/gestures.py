"""PURE. What people do without writing: slash commands, buttons, reactions, coming and going."""

from datetime import datetime

from adapters.base import Address, Kind, MessageEvent, Person
from adapters.slack.fields import Json, table, tables, text
from adapters.slack.ids import HOME, PLATFORM, is_direct, moment, name_of
from adapters.slack.scene import Scene

THUMBS = {"+1": "👍", "thumbsup": "👍", "-1": "👎", "thumbsdown": "👎"}
"""Reactions that say what somebody thinks of an answer; a skin tone may follow after `::`."""
_COMMANDS = ("stop", "retry")
_OPINIONS = {"good": "👍", "bad": "👎"}


def slash_command(payload: Json, given_at: datetime, scene: Scene) -> list[MessageEvent]:
    """`/parley …`: answered by the address that came with it, to nobody but its author.

    Slack takes none in threads. It is about the thread in which its author wrote to the bot last.
    """
    channel, user = text(payload.get("channel_id")), text(payload.get("user_id"))
    trigger = text(payload.get("trigger_id"))
    if not (channel and user and trigger):
        return []
    address = Address(
        PLATFORM,
        scene.account,
        channel,
        scene.known.last_thread(channel, user),
        direct=is_direct(channel),
        whisper=user,
        hook=text(payload.get("response_url")),
    )
    command = MessageEvent(
        event_id=f"c{trigger}",
        kind=Kind.COMMAND,
        address=address,
        sender=scene.person(user, text(payload.get("team_id"))),
        message_id=name_of(channel, trigger),
        sent_at=given_at,
        text=scene.read(text(payload.get("text"))).strip() or "help",
        addressed=True,
        room_name="" if is_direct(channel) else text(payload.get("channel_name")),
    )
    return [command]


def interaction(payload: Json, scene: Scene) -> list[MessageEvent]:
    """A button that was pressed below one of the bot's messages."""
    if text(payload.get("type")) != "block_actions":
        return []
    container, message = table(payload.get("container")), table(payload.get("message"))
    channel = text(table(payload.get("channel")).get("id")) or text(container.get("channel_id"))
    ts = text(container.get("message_ts")) or text(message.get("ts"))
    thread = text(message.get("thread_ts")) or text(container.get("thread_ts"))
    user = table(payload.get("user"))
    if not (channel and ts and text(user.get("id"))):
        return []
    address = scene.address(channel, thread or None)
    person = scene.person(text(user.get("id")), text(user.get("team_id")))
    return [
        _press(action, address, person, ts, scene)
        for action in tables(payload.get("actions"))
        if text(action.get("action_id")) in (*_COMMANDS, *_OPINIONS)
    ]


def _press(action: Json, address: Address, person: Person, ts: str, scene: Scene) -> MessageEvent:
    name, at = text(action.get("action_id")), text(action.get("action_ts"))
    message = name_of(address.room, ts)
    return MessageEvent(
        event_id=f"b{message}/{name}/{person.id}/{at}",
        kind=Kind.COMMAND if name in _COMMANDS else Kind.REACTION,
        address=address,
        sender=person,
        message_id=message,
        sent_at=moment(at),
        text=_OPINIONS.get(name, name),
        addressed=True,
        room_name="" if address.direct else scene.known.room(address.room),
    )


def reaction(event: Json, scene: Scene) -> list[MessageEvent]:
    """A thumb on one of the bot's messages, or one that was taken back."""
    item = table(event.get("item"))
    channel, ts = text(item.get("channel")), text(item.get("ts"))
    user, name = text(event.get("user")), text(event.get("reaction")).partition("::")[0]
    is_ours = text(event.get("item_user")) == scene.me.user and user != scene.me.user
    if not (is_ours and channel and ts) or name not in THUMBS:
        return []
    message, at, verb = name_of(channel, ts), text(event.get("event_ts")), text(event.get("type"))
    found = MessageEvent(
        event_id=f"r{message}/{user}/{verb}/{name}/{at}",
        kind=Kind.REACTION,
        address=scene.address(channel, scene.known.thread(message)),
        sender=scene.person(user),
        message_id=message,
        sent_at=moment(at),
        text=THUMBS[name] if verb == "reaction_added" else "",
        room_name="" if is_direct(channel) else scene.known.room(channel),
    )
    return [found]


def membership(event: Json, scene: Scene) -> list[MessageEvent]:
    """Somebody came into a channel or left it; of the bot's own going only `…_left` tells."""
    kind, channel = text(event.get("type")), text(event.get("channel"))
    is_own = kind in ("channel_left", "group_left") or event.get("user") == scene.me.user
    member = scene.me.user if is_own else text(event.get("user"))
    by = text(event.get("inviter")) or text(event.get("actor_id")) if is_own else member
    at = text(event.get("event_ts"))
    verb = "join" if kind == "member_joined_channel" else "leave"
    if not (channel and member):
        return []
    found = MessageEvent(
        event_id=f"p{channel}/{member}/{verb}/{at}",
        kind=Kind.MEMBERSHIP,
        address=scene.address(channel, None),
        sender=scene.person(by or member),
        message_id=name_of(channel, at),
        sent_at=moment(at),
        text=verb,
        addressed=is_own,
        room_name="" if is_direct(channel) else scene.known.room(channel),
    )
    return [found]


def home_opened(event: Json, scene: Scene) -> list[MessageEvent]:
    """Somebody looks at the bot's page."""
    user, at = text(event.get("user")), text(event.get("event_ts"))
    if text(event.get("tab")) != "home" or not user:
        return []
    room = f"{HOME}{user}"
    opened = MessageEvent(
        event_id=f"h{user}/{at}",
        kind=Kind.COMMAND,
        address=Address(PLATFORM, scene.account, room, direct=True),
        sender=scene.person(user),
        message_id=name_of(room, at),
        sent_at=moment(at),
        text="home",
        addressed=True,
    )
    return [opened]
