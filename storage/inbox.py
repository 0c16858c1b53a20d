"""The inbox: events as they arrived, until what they asked for is done.

An event is unique on platform, account and event id; one that comes again is told apart by the
digest of its payload even after the payload was blanked.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.dialects.sqlite import insert

from storage.clock import Clock, from_micros, to_micros, utc_now
from storage.database import Database, do
from storage.records import Event, Inbound, Outcome, Recorded
from storage.tables import cursor as cursors
from storage.tables import inbox

_ADD = insert(inbox).on_conflict_do_nothing().returning(inbox.c.id)
_BY_EVENT = select(inbox).where(
    inbox.c.platform == bindparam("platform"),
    inbox.c.account == bindparam("account"),
    inbox.c.event_id == bindparam("event_id"),
)
_PENDING = select(inbox).where(inbox.c.outcome.is_(None)).order_by(inbox.c.id)
_FINISH = (
    update(inbox)
    .where(inbox.c.id == bindparam("of_id"), inbox.c.outcome.is_(None))
    .values(outcome=bindparam("to"), finished_at=bindparam("at"), payload="")
)
_ATTEMPT = (
    update(inbox)
    .where(inbox.c.id == bindparam("of_id"))
    .values(attempts=inbox.c.attempts + 1)
    .returning(inbox.c.attempts)
)
_REWRITE = (
    update(inbox)
    .where(inbox.c.id == bindparam("of_id"), inbox.c.outcome.is_(None))
    .values(payload=bindparam("to"))
)
_CURSOR = select(cursors.c.cursor).where(
    cursors.c.platform == bindparam("platform"), cursors.c.account == bindparam("account")
)
_PLACE = insert(cursors)
_ADVANCE = _PLACE.on_conflict_do_update(
    index_elements=["platform", "account"], set_={"cursor": _PLACE.excluded.cursor}
)


class Inbox:
    """Every method raises `StorageError` when the database can't do it."""

    def __init__(self, db: Database, *, clock: Clock = utc_now) -> None:
        self._db = db
        self._clock = clock

    async def record(
        self, events: Sequence[Event], cursor: tuple[str, str, str] | None = None
    ) -> Recorded:
        """Keep the events that are new, and the cursor (platform, account, cursor), in one commit.

        `Recorded.new` is in the order of `events`; `conflicting` is a part of `repeated`.
        """
        now = self._clock()
        return await self._db.write(lambda connection: _record(connection, events, cursor, now))

    async def cursor(self, platform: str, account: str) -> str | None:
        """The cursor that was last recorded for an account."""
        key = {"platform": platform, "account": account}
        return await self._db.read(lambda connection: connection.scalar(_CURSOR, key))

    async def pending(self) -> list[Inbound]:
        """Everything that is not finished, in order of arrival."""
        return await self._db.read(
            lambda connection: [_inbound(row) for row in connection.execute(_PENDING)]
        )

    async def finish(self, ids: Sequence[int], outcome: Outcome) -> None:
        """Close events and blank their payloads. What is finished already stays as it was."""
        now = self._clock()
        await self._db.write(lambda connection: finish_events(connection, ids, outcome, now))

    async def attempt(self, id: int) -> int:  # noqa: A002  # the field's name
        """Count one more attempt to work on an event; the number of attempts so far."""
        return await self._db.write(
            lambda connection: connection.execute(_ATTEMPT, {"of_id": id}).scalar_one()
        )

    async def rewrite(self, id: int, payload: str) -> None:  # noqa: A002  # the field's name
        """Replace the payload of an event that is not finished; it keeps its first digest."""
        values = {"of_id": id, "to": payload}
        await self._db.write(lambda connection: do(connection, _REWRITE, values))

    async def find(
        self, platform: str, account: str, event_id: str
    ) -> tuple[Inbound, Outcome | None, str] | None:
        """An event with its outcome (None while pending) and its first payload's SHA-256 in hex."""
        key = {"platform": platform, "account": account, "event_id": event_id}
        return await self._db.read(lambda connection: _find(connection, key))


def finish_events(
    connection: Connection, ids: Iterable[int], outcome: Outcome, now: datetime
) -> None:
    """The statements of `Inbox.finish`, for a commit that does more."""
    at = to_micros(now)
    rows = [{"of_id": id_, "to": outcome.value, "at": at} for id_ in ids]
    if rows:
        connection.execute(_FINISH, rows)


def digest(payload: str) -> str:
    """The SHA-256 by which a repeated payload is known, in hex."""
    return hashlib.sha256(payload.encode("utf-8", "surrogatepass")).hexdigest()


def _record(
    connection: Connection,
    events: Sequence[Event],
    cursor: tuple[str, str, str] | None,
    now: datetime,
) -> Recorded:
    new: list[Inbound] = []
    repeated: list[str] = []
    conflicting: list[str] = []
    for event in events:
        row = _row(event, now)
        id_ = connection.execute(_ADD, row).scalar()
        if id_ is not None:
            new.append(Inbound(id_, event, now))
            continue
        repeated.append(event.event_id)
        if connection.execute(_BY_EVENT, row).one().payload_sha256 != row["payload_sha256"]:
            conflicting.append(event.event_id)
    if cursor is not None:
        _advance(connection, *cursor)
    return Recorded(tuple(new), tuple(repeated), tuple(conflicting))


def _advance(connection: Connection, platform: str, account: str, cursor: str) -> None:
    values = {"platform": platform, "account": account, "cursor": cursor}
    connection.execute(_ADVANCE, values)


def _row(event: Event, now: datetime) -> dict[str, object]:
    return {
        "platform": event.platform,
        "account": event.account,
        "event_id": event.event_id,
        "kind": event.kind,
        "session": event.session,
        "person": event.person,
        "payload": event.payload,
        "payload_sha256": digest(event.payload),
        "received_at": to_micros(now),
        "attempts": 0,
        "outcome": None,
        "finished_at": None,
    }


def _find(
    connection: Connection, key: dict[str, str]
) -> tuple[Inbound, Outcome | None, str] | None:
    row = connection.execute(_BY_EVENT, key).one_or_none()
    if row is None:
        return None
    outcome = None if row.outcome is None else Outcome(row.outcome)
    return _inbound(row), outcome, row.payload_sha256


def _inbound(row: Row[Any]) -> Inbound:
    event = Event(
        row.platform,
        row.account,
        row.event_id,
        row.kind,
        row.session,
        row.person,
        row.payload,
    )
    return Inbound(row.id, event, from_micros(row.received_at), row.attempts)
