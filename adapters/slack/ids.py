"""PURE. How this adapter names places and messages, which Slack names only within a channel."""

from datetime import UTC, datetime

from adapters.base import OUTSIDE

PLATFORM = "slack"
HOME = "home:"
"""Begins the room of somebody's App Home, which is a page and no channel."""


def name_of(channel: str, ts: str) -> str:
    """A message's id, unique within the workspace: timestamps are so only within a channel."""
    return f"{channel}/{ts}"


def parse_name(name: str) -> tuple[str, str]:
    """The channel and the timestamp of a message's name."""
    channel, _, ts = name.partition("/")
    return channel, ts


def visitor(team: str, user: str) -> str:
    """The id of somebody of another workspace: users are named only within theirs."""
    return f"{OUTSIDE}{team or '?'}/{user}"


def team_and_user(person: str) -> tuple[str, str]:
    """The team, empty for the bot's own, and the user that a person's id names."""
    team, _, user = person.removeprefix(OUTSIDE).rpartition("/")
    return team, user


def is_direct(channel: str) -> bool:
    """Whether it is the bot's chat with one person: ids of those begin with D (Slack, types)."""
    return channel.startswith("D")


def moment(ts: str) -> datetime:
    """The time of a timestamp, which is also a message's name; long ago if it is none."""
    try:
        return datetime.fromtimestamp(float(ts), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
