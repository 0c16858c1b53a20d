"""Members: who was seen, and everything that is kept of one person, to hand out or to erase."""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from sqlalchemy import (
    Connection,
    String,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    union,
    update,
)

from storage.clock import Clock, from_micros, to_micros, utc_now
from storage.connection import snapshot
from storage.database import Database
from storage.index import remove_from_index
from storage.outbox import COLUMNS as PART_COLUMNS
from storage.outbox import REMOVAL, part_of
from storage.records import Erased, Outcome, Part, StorageError, Turn
from storage.statement import Statement, Step, insertion
from storage.tables import (
    PENDING,
    UNDELIVERED,
    feedback,
    grant,
    hint,
    inbox,
    member,
    outbox,
    quota,
    session,
    spending,
    turn,
)
from storage.turns import turns_of, with_messages

BLOCKED = "blocked"
"""The role that erasing leaves, for else it would let somebody in again."""

_PERSON = bindparam("person", type_=String())
_NOBODY = literal_column("''", String())

_NEW = insertion(member)
_SEEN = Statement(
    _NEW.on_conflict_do_update(
        index_elements=["person"],
        set_={
            "name": _NEW.excluded.name,
            "language": case(
                (_NEW.excluded.language == "", member.c.language), else_=_NEW.excluded.language
            ),
            "last_seen": _NEW.excluded.last_seen,
        },
    )
)
_MEMBER = Statement(select(member).where(member.c.person == _PERSON))
_TURNS = with_messages(select(turn).where(turn.c.person == _PERSON))
_PENDING = Statement(
    select(
        inbox.c.platform,
        inbox.c.account,
        inbox.c.event_id,
        inbox.c.kind,
        inbox.c.session,
        inbox.c.payload,
        inbox.c.received_at,
    )
    .where(inbox.c.person == _PERSON, PENDING)
    .order_by(inbox.c.id)
)
_PARTS = Statement(select(*PART_COLUMNS).where(outbox.c.person == _PERSON).order_by(outbox.c.id))
_RATINGS = Statement(
    select(turn.c.id, feedback.c.value, feedback.c.rated_at)
    .join_from(feedback, turn, turn.c.row == feedback.c.turn)
    .where(feedback.c.person == _PERSON)
    .order_by(feedback.c.rated_at)
)

_SESSIONS = Statement(
    union(
        select(turn.c.session).where(turn.c.person == _PERSON),
        select(outbox.c.session).where(outbox.c.person == _PERSON),
    )
)
_ERASE_RATINGS = Statement(
    delete(feedback).where(
        or_(
            feedback.c.person == _PERSON,
            feedback.c.turn.in_(select(turn.c.row).where(turn.c.person == _PERSON)),
        )
    )
)
_ROWS = Statement(select(turn.c.row).where(turn.c.person == _PERSON))
_ERASE_TURNS = Statement(delete(turn).where(turn.c.person == _PERSON))
_ERASE_SESSION = Statement(
    delete(session).where(
        session.c.key == bindparam("session"),
        ~select(turn.c.row).where(turn.c.session == session.c.key).exists(),
    )
)
_ERASE_INBOX = Statement(
    update(inbox)
    .where(inbox.c.person == _PERSON)
    .values(
        payload="",
        person=_NOBODY,
        session=_NOBODY,
        outcome=func.coalesce(inbox.c.outcome, Outcome.DONE.value),
        finished_at=func.coalesce(inbox.c.finished_at, bindparam("at")),
    )
)
_TAKE_BACK = Statement(
    update(outbox)
    .where(outbox.c.person == _PERSON, outbox.c.remote_id.is_not(None), UNDELIVERED)
    .values(REMOVAL | {"person": _NOBODY, "session": _NOBODY})
)
_ERASE_OUTBOX = Statement(delete(outbox).where(outbox.c.person == _PERSON))
_ERASE_MEMBER = Statement(delete(member).where(member.c.person == _PERSON))
_ERASE_GRANT = Statement(delete(grant).where(grant.c.person == _PERSON, grant.c.role != BLOCKED))
_ERASE_STANDING = [
    Statement(delete(quota).where(quota.c.person == _PERSON)),
    Statement(delete(spending).where(spending.c.person == _PERSON)),
    Statement(delete(hint).where(hint.c.about == _PERSON)),
]
_GRANT = Statement(select(grant.c.role).where(grant.c.person == _PERSON))
_QUOTA = Statement(select(quota.c.messages, quota.c.seconds).where(quota.c.person == _PERSON))
_SPENDING = Statement(
    select(spending.c.day, spending.c.messages, spending.c.compute_ms)
    .where(spending.c.person == _PERSON)
    .order_by(spending.c.day)
)
_KNOWN = Statement(
    select(member.c.person, member.c.name, member.c.last_seen).order_by(member.c.last_seen.desc())
)


class Members:
    """Every method raises `StorageError` when the database can't do it."""

    def __init__(self, db: Database, *, clock: Clock = utc_now) -> None:
        self._db = db
        self._clock = clock

    async def seen(self, person: str, platform: str, name: str, language: str) -> None:
        """Keep a person's name and language (empty: as before), and that they were here."""
        now = to_micros(self._clock())
        row = {
            "person": person,
            "platform": platform,
            "name": name,
            "language": language,
            "first_seen": now,
            "last_seen": now,
        }
        await self._db.write(lambda connection: _SEEN.run(connection, row))

    async def forget(self, person: str, also: Sequence[Step] = ()) -> Erased:
        """Erase what a person wrote and was answered, in one commit with `also`, and from the
        file's bytes.

        Inbox events keep their ids and digests, so that a redelivery is not answered again. What
        stands half-delivered on a platform is to be removed there.
        """
        now = self._clock()

        def op(connection: Connection) -> Erased:
            erased = _forget(connection, person, now)
            for step in also:
                step(connection, now)
            return erased

        erased = await self._db.write(op)
        with suppress(StorageError):  # the log is emptied by a later checkpoint
            await self._db.checkpoint()
        return erased

    async def known(self) -> list[tuple[str, str, datetime]]:
        """Everybody who was seen, as key, name and when last; the latest first."""
        return await self._db.read(
            lambda connection: [
                (person, name, from_micros(at)) for person, name, at in _KNOWN.rows(connection, {})
            ]
        )

    async def export(self, person: str) -> dict[str, object]:
        """Everything that is stored about a person, ready for JSON; times in ISO 8601."""
        return await self._db.read(lambda connection: _export(connection, person))


def _forget(connection: Connection, person: str, now: datetime) -> Erased:
    key = {"person": person, "at": to_micros(now)}
    sessions = tuple(str(row[0]) for row in _SESSIONS.rows(connection, key))
    ratings = _ERASE_RATINGS.run(connection, key)
    remove_from_index(connection, [row for (row,) in _ROWS.rows(connection, key)])
    turns = _ERASE_TURNS.run(connection, key)
    _ERASE_SESSION.run_each(connection, [{"session": each} for each in sessions])
    parts = _TAKE_BACK.run(connection, key) + _ERASE_OUTBOX.run(connection, key)
    events = _ERASE_INBOX.run(connection, key)
    _ERASE_MEMBER.run(connection, key)
    _ERASE_GRANT.run(connection, key)
    for statement in _ERASE_STANDING:
        statement.run(connection, key)
    return Erased(turns, events, parts, ratings, sessions)


def _export(connection: Connection, person: str) -> dict[str, object]:
    key = {"person": person}
    with snapshot(connection):
        known = _MEMBER.row(connection, key)
        turns = turns_of(_TURNS.rows(connection, key))
        pending = _PENDING.rows(connection, key)
        parts = [part_of(row) for row in _PARTS.rows(connection, key)]
        ratings = _RATINGS.rows(connection, key)
        role = _GRANT.value(connection, key)
        bounds = _QUOTA.row(connection, key)
        spent = _SPENDING.rows(connection, key)
    names = ("platform", "account", "event_id", "kind", "session", "payload")
    return {
        "person": person,
        "member": None if known is None else _member(*known),
        "role": role,
        "quota": None
        if bounds is None
        else dict(zip(("messages", "seconds"), bounds, strict=True)),
        "spent": [
            {"day": day, "messages": messages, "compute_ms": compute_ms}
            for day, messages, compute_ms in spent
        ],
        "turns": [_turn(each) for each in turns],
        "pending": [
            dict(zip(names, row, strict=False)) | {"received_at": _iso(row[-1])} for row in pending
        ],
        "outbox": [_part(each) for each in parts],
        "feedback": [
            {"turn": turn_id, "value": value, "rated_at": _iso(at)}
            for turn_id, value, at in ratings
        ],
    }


def _member(
    _: str, platform: str, name: str, language: str, first_seen: int, last_seen: int
) -> dict[str, object]:
    return {
        "platform": platform,
        "name": name,
        "language": language,
        "first_seen": _iso(first_seen),
        "last_seen": _iso(last_seen),
    }


def _turn(value: Turn) -> dict[str, object]:
    return {
        "id": value.id,
        "session": value.session,
        "number": value.number,
        "created_at": value.created_at.isoformat(),
        "author": value.author,
        "messages": [
            {"message_id": message.message_id, "text": message.text} for message in value.messages
        ],
        "answer": value.answer,
        "stopped": value.stopped,
        "model": value.model,
        "prompt_version": value.prompt_version,
        "sampling": json.loads(value.sampling),
        "usage": json.loads(value.usage),
    }


def _part(value: Part) -> dict[str, object]:
    return {
        "answer": value.answer,
        "part": value.index,
        "platform": value.to.platform,
        "account": value.to.account,
        "address": value.to.address,
        "session": value.to.session,
        "state": value.state.value,
        "created_at": value.created_at.isoformat(),
        "body": value.body,
        "remote_id": value.remote_id,
        "attempts": value.attempts,
        "error": value.error,
    }


def _iso(micros: int) -> str:
    return from_micros(micros).isoformat()
