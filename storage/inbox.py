"""The inbox: events as they arrived, until what they asked for is done.

An event is unique on platform, account and event id; one that comes again is told apart by the
digest of its payload even after the payload was blanked.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from storage.clock import Clock, from_micros, to_micros, utc_now
from storage.database import Database
from storage.records import Event, Inbound, Outcome, Recorded
from storage.statement import Statement, Step, Values, insertion
from storage.tables import PENDING, inbox
from storage.tables import cursor as cursors

_COLUMNS = (
    inbox.c.id,
    inbox.c.platform,
    inbox.c.account,
    inbox.c.event_id,
    inbox.c.kind,
    inbox.c.session,
    inbox.c.person,
    inbox.c.payload,
    inbox.c.received_at,
    inbox.c.attempts,
)
_IS_IT = inbox.c.id == bindparam("id")
_IS_EVENT = (
    inbox.c.platform == bindparam("platform"),
    inbox.c.account == bindparam("account"),
    inbox.c.event_id == bindparam("event_id"),
)
_ADD = Statement(insertion(inbox, but="id").on_conflict_do_nothing().returning(inbox.c.id))
_DIGEST = Statement(select(inbox.c.payload_sha256).where(*_IS_EVENT))
_FIND = Statement(select(*_COLUMNS, inbox.c.outcome, inbox.c.payload_sha256).where(*_IS_EVENT))
_PENDING = Statement(select(*_COLUMNS).where(PENDING).order_by(inbox.c.id))
_FINISH = Statement(
    update(inbox)
    .where(_IS_IT, inbox.c.outcome.is_(None))
    .values(outcome=bindparam("outcome"), finished_at=bindparam("at"), payload="")
)
_ATTEMPT = Statement(
    update(inbox).where(_IS_IT).values(attempts=inbox.c.attempts + 1).returning(inbox.c.attempts)
)
_REWRITE = Statement(
    update(inbox).where(_IS_IT, inbox.c.outcome.is_(None)).values(payload=bindparam("payload"))
)
_CURSOR = Statement(
    select(cursors.c.cursor).where(
        cursors.c.platform == bindparam("platform"), cursors.c.account == bindparam("account")
    )
)
_PLACE = insertion(cursors)
_ADVANCE = Statement(
    _PLACE.on_conflict_do_update(
        index_elements=["platform", "account"], set_={"cursor": _PLACE.excluded.cursor}
    )
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
        return await self._db.read(lambda connection: _CURSOR.value(connection, key))

    async def pending(self) -> list[Inbound]:
        """Everything that is not finished, in order of arrival."""
        return await self._db.read(
            lambda connection: [_inbound(row) for row in _PENDING.rows(connection, {})]
        )

    async def finish(self, ids: Sequence[int], outcome: Outcome, also: Sequence[Step] = ()) -> None:
        """Close events and blank their payloads, in one commit with `also`.

        What is finished already stays as it was.
        """
        now = self._clock()

        def op(connection: Connection) -> None:
            finish_events(connection, ids, outcome, now)
            for step in also:
                step(connection, now)

        await self._db.write(op)

    async def attempt(self, id: int) -> int:  # noqa: A002  # the field's name
        """Count one more attempt to work on an event; the number so far (0: no such event)."""
        return await self._db.write(lambda connection: _ATTEMPT.value(connection, {"id": id}) or 0)

    async def rewrite(self, id: int, payload: str) -> None:  # noqa: A002  # the field's name
        """Replace the payload of an event that is not finished; it keeps its first digest."""
        values = {"id": id, "payload": payload}
        await self._db.write(lambda connection: _REWRITE.run(connection, values))

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
    _FINISH.run_each(connection, [{"id": id_, "outcome": outcome.value, "at": at} for id_ in ids])


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
        id_ = _ADD.value(connection, row)
        if id_ is not None:
            new.append(Inbound(id_, event, now))
            continue
        repeated.append(event.event_id)
        if _DIGEST.value(connection, row) != row["payload_sha256"]:
            conflicting.append(event.event_id)
    if cursor is not None:
        _advance(connection, *cursor)
    return Recorded(tuple(new), tuple(repeated), tuple(conflicting))


def _advance(connection: Connection, platform: str, account: str, cursor: str) -> None:
    values = {"platform": platform, "account": account, "cursor": cursor}
    _ADVANCE.run(connection, values)


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
    row = _FIND.row(connection, key)
    if row is None:
        return None
    *inbound, outcome, sha256 = row
    return _inbound(tuple(inbound)), None if outcome is None else Outcome(outcome), sha256


def _inbound(row: Values) -> Inbound:
    id_, platform, account, event_id, kind, session, person, payload, received_at, attempts = row
    event = Event(platform, account, event_id, kind, session, person, payload)
    return Inbound(id_, event, from_micros(received_at), attempts)
