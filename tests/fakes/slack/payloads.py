"""What Slack delivers looks like this (Slack, "Events API", "Slash commands", "Interactivity")."""

from collections.abc import Mapping
from typing import Any

from tests.fakes.slack.people import App, Person
from tests.fakes.slack.places import Channel, Message, Version

Json = dict[str, Any]


def message_json(message: Message, version: Version | None = None) -> Json:
    """A message as events and methods show it."""
    version = version or message.now
    shown: Json = {
        "type": "message",
        "user": message.user,
        "text": version.text,
        "ts": message.ts,
        "team": message.channel.guests.get(message.user, message.channel.team),
    }
    if message.channel.guests:
        shown |= {"user_team": shown["team"], "source_team": shown["team"]}
    if message.is_bot:
        shown |= {"bot_id": message.bot_id, "app_id": "A1", "bot_profile": {"id": message.bot_id}}
    if version.blocks:
        shown["blocks"] = list(version.blocks)
    if message.thread_ts:
        shown["thread_ts"] = message.thread_ts
        root = message.channel.find(message.thread_ts)
        if root and root is not message:
            shown["parent_user_id"] = root.user
    if version.edited:
        shown["edited"] = {"user": message.user, "ts": version.edited}
    if message.streaming_state:
        shown["streaming_state"] = message.streaming_state
    if message.files:
        shown["files"] = [file.json() for file in message.files]
    return shown


def channel_type(channel: Channel) -> str:
    """As message events name it."""
    return "im" if channel.is_direct else "channel"


def spoken(message: Message) -> Json:
    """A `message` event."""
    event = message_json(message) | {
        "channel": message.channel.id,
        "channel_type": channel_type(message.channel),
        "event_ts": message.ts,
        "client_msg_id": f"c-{message.ts}",
    }
    if message.files:
        event["subtype"] = "file_share"
    return event


def mentioned(message: Message) -> Json:
    """An `app_mention` event: the same message, without the channel's type."""
    event = message_json(message) | {"channel": message.channel.id, "event_ts": message.ts}
    return event | {"type": "app_mention"}


def changed(message: Message, before: Version, at: str) -> Json:
    """A `message_changed` event."""
    return {
        "type": "message",
        "subtype": "message_changed",
        "hidden": True,
        "channel": message.channel.id,
        "channel_type": channel_type(message.channel),
        "ts": at,
        "event_ts": at,
        "message": message_json(message),
        "previous_message": message_json(message, before),
    }


def removed(message: Message, at: str) -> Json:
    """A `message_deleted` event; of a message with replies a tombstone stays."""
    about = {
        "type": "message",
        "hidden": True,
        "channel": message.channel.id,
        "channel_type": channel_type(message.channel),
        "ts": at,
        "event_ts": at,
        "previous_message": message_json(message),
    }
    if message.channel.has_replies(message):
        tombstone = {"subtype": "tombstone", "text": "This message was deleted.", "hidden": True}
        shown = message_json(message) | tombstone | {"user": "USLACKBOT"}
        return about | {"subtype": "message_changed", "message": shown}
    return about | {"subtype": "message_deleted", "deleted_ts": message.ts}


def reacted(message: Message, person: Person, name: str, at: str, *, added: bool) -> Json:
    """A `reaction_added` or `reaction_removed` event."""
    return {
        "type": "reaction_added" if added else "reaction_removed",
        "user": person.id,
        "reaction": name,
        "item": {"type": "message", "channel": message.channel.id, "ts": message.ts},
        "item_user": message.user,
        "event_ts": at,
    }


def member(channel: Channel, user: str, at: str, *, joins: bool, inviter: str = "") -> Json:
    """A membership event of somebody."""
    event: Json = {
        "type": "member_joined_channel" if joins else "member_left_channel",
        "user": user,
        "channel": channel.id,
        "channel_type": "C",
        "team": channel.team,
        "event_ts": at,
    }
    return event | ({"inviter": inviter} if inviter else {})


def envelope(
    event: Mapping[str, Any], app: App, number: int, at: int, *, shared: bool = False
) -> Json:
    """An event with what Slack says around it. `shared`: with another workspace."""
    return {
        "token": "verification-token-for-tests",
        "team_id": app.team,
        "api_app_id": app.id,
        "event": dict(event),
        "type": "event_callback",
        "event_id": f"Ev{number:09d}",
        "event_time": at,
        "authorizations": [
            {"team_id": app.team, "user_id": app.user, "is_bot": True, "enterprise_id": None}
        ],
        "is_ext_shared_channel": shared,
    }


def slash(
    app: App, person: Person, channel: Channel, text: str, trigger: str, response_url: str
) -> Json:
    """A slash command; over HTTP a form with these fields."""
    return {
        "token": "verification-token-for-tests",
        "team_id": app.team,
        "team_domain": "tests",
        "channel_id": channel.id,
        "channel_name": "directmessage" if channel.is_direct else channel.name,
        "user_id": person.id,
        "user_name": person.name,
        "command": "/parley",
        "text": text,
        "api_app_id": app.id,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger,
    }


def pressed(
    app: App,
    person: Person,
    message: Message,
    action: str,
    trigger: str,
    response_url: str,
    at: str,
) -> Json:
    """A button that was pressed."""
    channel = message.channel
    return {
        "type": "block_actions",
        "user": {"id": person.id, "username": person.name, "team_id": person.team},
        "api_app_id": app.id,
        "token": "verification-token-for-tests",
        "container": {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel.id,
            "is_ephemeral": False,
        },
        "trigger_id": trigger,
        "team": {"id": app.team, "domain": "tests"},
        "channel": {"id": channel.id, "name": channel.name or "directmessage"},
        "message": message_json(message),
        "state": {"values": {}},
        "response_url": response_url,
        "actions": [
            {
                "action_id": action,
                "block_id": "parley",
                "text": {"type": "plain_text", "text": action, "emoji": True},
                "value": action,
                "type": "button",
                "action_ts": at,
            }
        ],
    }
