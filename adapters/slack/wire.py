"""PURE. One delivery from Slack → the events it stands for; the same for both ways in."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from adapters.base import MessageEvent
from adapters.slack import gestures, talk
from adapters.slack.fields import Json, table, text
from adapters.slack.scene import Scene

Sort = Literal["events_api", "slash_commands", "interactive"]


@dataclass(frozen=True, slots=True)
class Envelope:
    """A delivery: its sort as Socket Mode calls it, and the payload, which HTTP carries alike.

    Slack does not say when a slash command was given: it was when it came.
    """

    sort: Sort
    payload: Json
    received_at: datetime


Reader = Callable[[Json, Scene], list[MessageEvent]]

EVENTS: dict[str, Reader] = {
    "message": talk.events,
    "app_mention": talk.events,
    "reaction_added": gestures.reaction,
    "reaction_removed": gestures.reaction,
    "member_joined_channel": gestures.membership,
    "member_left_channel": gestures.membership,
    "channel_left": gestures.membership,
    "group_left": gestures.membership,
    "app_home_opened": gestures.home_opened,
}
"""By type; deploy/slack-manifest.yaml subscribes to these."""


def events(envelope: Envelope, scene: Scene) -> list[MessageEvent]:
    """What happened; empty when it is nothing that the bot minds."""
    match envelope.sort:
        case "slash_commands":
            return gestures.slash_command(envelope.payload, envelope.received_at, scene)
        case "interactive":
            return gestures.interaction(envelope.payload, scene)
        case "events_api":
            event = table(envelope.payload.get("event"))
            read = EVENTS.get(text(event.get("type")))
            shared = envelope.payload.get("is_ext_shared_channel") is True
            return read(event, replace(scene, shared=shared)) if read else []


def opened_thread(envelope: Envelope) -> tuple[str, str, str] | None:
    """Channel, person and thread of an assistant's thread that was opened."""
    event = table(envelope.payload.get("event"))
    if text(event.get("type")) != "assistant_thread_started":
        return None
    thread = table(event.get("assistant_thread"))
    found = (
        text(thread.get("channel_id")),
        text(thread.get("user_id")),
        text(thread.get("thread_ts")),
    )
    return found if all(found) else None
