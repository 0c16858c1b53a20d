"""The outbox: every part of every answer as it should stand on its platform.

A part has its row before anything is sent, keeps its remote id as soon as there is one, and counts
the bodies it was given, so that a delivery confirms the body it delivered and no later one.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    String,
    Update,
    bindparam,
    case,
    delete,
    select,
    update,
)
from sqlalchemy import func as sql
from sqlalchemy.dialects.sqlite import insert

from storage.clock import Clock, from_micros, to_micros, utc_now
from storage.database import Database, do
from storage.inbox import finish_events
from storage.records import Body, Destination, Outcome, Part, PartState
from storage.tables import outbox

_THIS = (outbox.c.answer == bindparam("of_answer"), outbox.c.part == bindparam("of_part"))
_TO_DELIVER = (PartState.READY.value, PartState.DEAD.value)

_OPEN = insert(outbox).on_conflict_do_nothing()
_NEW = insert(outbox)
_GIVE = _NEW.on_conflict_do_update(
    index_elements=["answer", "part"],
    set_={
        "body": _NEW.excluded.body,
        "state": PartState.READY.value,
        "revision": outbox.c.revision + 1,
        "attempts": 0,
        "error": "",
    },
)
_REMOVAL = {
    "body": None,
    "state": PartState.READY.value,
    "revision": outbox.c.revision + 1,
    "attempts": 0,
    "error": "",
}
_REMOVE_BEYOND = (
    update(outbox)
    .where(outbox.c.answer == bindparam("of_answer"), outbox.c.part > bindparam("last"))
    .values(_REMOVAL)
)
_PART = select(outbox).where(*_THIS)
_PARTS = select(outbox).where(outbox.c.answer == bindparam("of_answer")).order_by(outbox.c.part)
_PLACED = update(outbox).where(*_THIS).values(remote_id=bindparam("to"))
_GONE = delete(outbox).where(
    *_THIS,
    outbox.c.revision == bindparam("of_revision"),
    outbox.c.body.is_(None),
    outbox.c.state.in_(_TO_DELIVER),
)
_IS_CURRENT = (outbox.c.revision == bindparam("of_revision")) & outbox.c.state.in_(_TO_DELIVER)
_DELIVERED = (
    update(outbox)
    .where(*_THIS)
    .values(
        remote_id=sql.coalesce(bindparam("to", type_=String()), outbox.c.remote_id),
        state=case((_IS_CURRENT, PartState.DELIVERED.value), else_=outbox.c.state),
        body=case((_IS_CURRENT, None), else_=outbox.c.body),
    )
)
_ATTEMPTED = (
    update(outbox).where(*_THIS).values(attempts=outbox.c.attempts + 1, error=bindparam("to"))
)
_DEAD = (
    update(outbox)
    .where(*_THIS, outbox.c.state != PartState.DELIVERED.value)
    .values(state=PartState.DEAD.value, error=bindparam("to"))
)
_REVIVE = (
    update(outbox)
    .where(*_THIS, outbox.c.state == PartState.DEAD.value)
    .values(
        state=case((outbox.c.revision == 0, PartState.OPEN.value), else_=PartState.READY.value),
        attempts=0,
        error="",
    )
)
_UNDELIVERED = select(outbox).where(outbox.c.state.in_(("open", "ready"))).order_by(outbox.c.id)
_DEAD_LETTERS = (
    select(outbox)
    .where(outbox.c.state == PartState.DEAD.value)
    .order_by(outbox.c.id.desc())
    .limit(bindparam("at_most"))
)
_BY_REMOTE = (
    select(outbox)
    .where(
        outbox.c.platform == bindparam("platform"),
        outbox.c.account == bindparam("account"),
        outbox.c.remote_id == bindparam("remote_id"),
    )
    .order_by(outbox.c.id.desc())
)


class Outbox:
    """Every method raises `StorageError` when the database can't do it."""

    def __init__(self, db: Database, *, clock: Clock = utc_now) -> None:
        self._db = db
        self._clock = clock

    async def open(self, answer: str, index: int, to: Destination) -> Part:
        """The part's row: a new one, OPEN, or the one that exists, as it is."""
        now = self._clock()
        return await self._db.write(lambda connection: _open(connection, answer, index, to, now))

    async def post(
        self, answer: str, to: Destination, bodies: Sequence[Body], done: Sequence[int] = ()
    ) -> None:
        """Give an answer its bodies and finish the inbox events `done`, in one commit.

        Parts that are given a body become READY with the next revision; those after the last of
        them are to be removed.
        """
        now = self._clock()

        def op(connection: Connection) -> None:
            write_bodies(connection, answer, to, bodies, now)
            finish_events(connection, done, Outcome.DONE, now)

        await self._db.write(op)

    async def withdraw(self, answers: Sequence[str]) -> None:
        """Have every part of these answers removed from its platform."""
        await self._db.write(lambda connection: remove_parts(connection, answers))

    async def placed(self, answer: str, index: int, remote_id: str) -> None:
        """Keep the platform's id of a part's message."""
        await self._set(_PLACED, answer, index, to=remote_id)

    async def delivered(
        self, answer: str, index: int, revision: int, remote_id: str | None = None
    ) -> None:
        """Confirm that `revision` stands on the platform; a later one stays READY.

        The remote id is kept in any case (None: no news). A delivered body is blanked; the row of
        a removed part is deleted.
        """
        key = {"of_answer": answer, "of_part": index, "of_revision": revision}

        def op(connection: Connection) -> None:
            if not connection.execute(_GONE, key).rowcount:
                connection.execute(_DELIVERED, key | {"to": remote_id})

        await self._db.write(op)

    async def attempted(self, answer: str, index: int, error: str) -> None:
        """Count one more failed attempt to deliver a part."""
        await self._set(_ATTEMPTED, answer, index, to=error)

    async def dead(self, answer: str, index: int, error: str) -> None:
        """Give a part up; its body is kept."""
        await self._set(_DEAD, answer, index, to=error)

    async def revive(self, answer: str, index: int) -> None:
        """Try a dead part anew, with its attempts forgotten."""
        await self._set(_REVIVE, answer, index)

    async def parts(self, answer: str) -> list[Part]:
        """The parts of an answer, by index."""
        return await self._read(_PARTS, of_answer=answer)

    async def undelivered(self) -> list[Part]:
        """What is OPEN or READY, in order of creation."""
        return await self._read(_UNDELIVERED)

    async def dead_letters(self, limit: int = 50) -> list[Part]:
        """What was given up, the newest first."""
        return await self._read(_DEAD_LETTERS, at_most=limit)

    async def by_remote(self, platform: str, account: str, remote_id: str) -> list[Part]:
        """The parts with a remote id, the newest first; ids may be unique in a room only."""
        return await self._read(_BY_REMOTE, platform=platform, account=account, remote_id=remote_id)

    async def _set(self, statement: Update, answer: str, index: int, **values: str) -> None:
        row = {"of_answer": answer, "of_part": index, **values}
        await self._db.write(lambda connection: do(connection, statement, row))

    async def _read(self, query: Select[Any], **values: object) -> list[Part]:
        return await self._db.read(
            lambda connection: [part_of(row) for row in connection.execute(query, values)]
        )


def write_bodies(
    connection: Connection, answer: str, to: Destination, bodies: Sequence[Body], now: datetime
) -> None:
    """The statements of `Outbox.post`, for a commit that does more."""
    rows = [
        _row(answer, body.index, to, now)
        | {"state": PartState.READY.value, "body": body.markdown, "revision": 1}
        for body in bodies
    ]
    if rows:
        connection.execute(_GIVE, rows)
    last = max((body.index for body in bodies), default=-1)
    connection.execute(_REMOVE_BEYOND, {"of_answer": answer, "last": last})


def remove_parts(connection: Connection, answers: Sequence[str]) -> None:
    """The statements of `Outbox.withdraw`, for a commit that does more."""
    rows = [{"of_answer": answer, "last": -1} for answer in answers]
    if rows:
        connection.execute(_REMOVE_BEYOND, rows)


def part_of(row: Row[Any]) -> Part:
    """The value of an outbox row."""
    return Part(
        row.answer,
        row.part,
        Destination(row.platform, row.account, row.address, row.session, row.person),
        PartState(row.state),
        from_micros(row.created_at),
        row.body,
        row.revision,
        row.remote_id,
        row.attempts,
        row.error,
    )


def _open(connection: Connection, answer: str, index: int, to: Destination, now: datetime) -> Part:
    connection.execute(_OPEN, _row(answer, index, to, now))
    return part_of(connection.execute(_PART, {"of_answer": answer, "of_part": index}).one())


def _row(answer: str, index: int, to: Destination, now: datetime) -> dict[str, object]:
    return {
        "answer": answer,
        "part": index,
        "platform": to.platform,
        "account": to.account,
        "address": to.address,
        "session": to.session,
        "person": to.person,
        "state": PartState.OPEN.value,
        "body": None,
        "revision": 0,
        "remote_id": None,
        "attempts": 0,
        "error": "",
        "created_at": to_micros(now),
    }
