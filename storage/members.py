"""Members: who was seen, and everything that is kept of one person, to hand out or to erase.

What erasing means for each table stands in `erasure`.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from sqlalchemy import (
    Connection,
    String,
    bindparam,
    case,
    select,
)

from storage import ledger, receipts
from storage.clock import Clock, from_micros, to_micros, utc_now
from storage.connection import snapshot
from storage.database import Database
from storage.erasure import erase, sessions_of
from storage.outbox import COLUMNS as PART_COLUMNS
from storage.outbox import part_of
from storage.records import Erased, Held, Part, StorageError, Turn
from storage.statement import Statement, Step, insertion
from storage.tables import (
    PENDING,
    feedback,
    grant,
    inbox,
    member,
    outbox,
    quota,
    spending,
    turn,
)
from storage.turns import turns_of, with_messages

_PERSON = bindparam("person", type_=String())

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


_UNHELD = Held()


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

    async def forget(self, person: str, also: Sequence[Step] = (), held: Held = _UNHELD) -> Erased:
        """Erase all that is kept of a person, in one commit with `also` and the receipt, and from
        the file's bytes. Backups hold it still, until they are cleaned, and what else `held` names.
        """
        now = self._clock()

        def op(connection: Connection) -> Erased:
            sessions = sessions_of(connection, person)
            counts = erase(connection, person, now)
            there = Held((*ledger.names(connection), *held.backups), held.until)
            receipt = receipts.keep(connection, person, counts, there, now)
            for step in also:
                step(connection, now)
            return Erased(receipt, sessions)

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
