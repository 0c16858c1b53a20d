"""Values to store, with one thing of interest and the rest made up."""

from datetime import UTC, datetime, timedelta

from storage.page_records import PagePost
from storage.records import Destination, Event, Turn, TurnMessage

KEY = b"a key of the audit"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Ticking:
    """A clock that is a second later each time it is looked at."""

    def __init__(self) -> None:
        self._now = NOON

    def __call__(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now


def event(event_id: str = "e1", *, payload: str = '{"text":"hi"}', person: str = "ann") -> Event:
    return Event("page", "bot", event_id, "message", f"s-{person}", person, payload)


def destination(person: str = "ann") -> Destination:
    return Destination("page", "bot", '{"room":"r"}', f"s-{person}", person)


def turn(
    turn_id: str,
    *messages: str,
    session: str = "s-ann",
    person: str = "ann",
    answer: str = "An answer.",
) -> Turn:
    """A turn whose messages `m1`, `m2`, … hold `messages`, with ids unique to the turn."""
    said = tuple(
        TurnMessage(f"{turn_id}-m{number}", text) for number, text in enumerate(messages, 1)
    )
    return Turn(turn_id, session, person, person.title(), said, answer, NOON)


def post(
    post_id: str, text: str = "hi", *, room: str = "r", author: str = "ann", reply_to: str = ""
) -> PagePost:
    return PagePost(post_id, room, author, author.title(), text, NOON, reply_to=reply_to)
