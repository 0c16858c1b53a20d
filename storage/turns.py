"""Turns: questions with their answers, numbered within their session, and what people thought.

A turn is committed together with its answer's outbox bodies and the end of the inbox events it
came from. Its id is the answer's: answering again replaces the turn and keeps its number.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Integer, Row, Select, String, bindparam, delete, select, update
from sqlalchemy import func as sql
from sqlalchemy.dialects.sqlite import insert

from storage.clock import Clock, from_micros, to_micros, utc_now
from storage.database import Database
from storage.inbox import finish_events
from storage.outbox import remove_parts, write_bodies
from storage.records import Body, Destination, Outcome, Turn, TurnMessage
from storage.tables import feedback, session, turn, turn_message

_ROW_OF = select(turn.c.row, turn.c.number).where(turn.c.id == bindparam("of_id"))
_SESSION = insert(session)
_NEXT_NUMBER = _SESSION.on_conflict_do_update(
    index_elements=["key"],
    set_={
        "last_number": session.c.last_number + 1,
        "last_active": _SESSION.excluded.last_active,
    },
).returning(session.c.last_number)
_ACTIVE = (
    update(session).where(session.c.key == bindparam("of_session")).values(last_active=bindparam("at"))
)
_FRESH = _SESSION.on_conflict_do_update(
    index_elements=["key"],
    set_={"floor": session.c.last_number, "last_active": _SESSION.excluded.last_active},
)
_ADD = insert(turn).returning(turn.c.row)
_ANSWERED_ANEW = (
    update(turn)
    .where(turn.c.row == bindparam("of_row"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "author",
                "answer",
                "created_at",
                "stopped",
                "model",
                "prompt_version",
                "sampling",
                "usage",
            )
        }
    )
)
_REMOVE = delete(turn).where(turn.c.row == bindparam("of_row"))
_ADD_MESSAGE = insert(turn_message)
_REMOVE_MESSAGES = delete(turn_message).where(turn_message.c.turn == bindparam("of_row"))
_OF_MESSAGE = (
    turn_message.c.session == bindparam("of_session"),
    turn_message.c.message_id == bindparam("of_message"),
)
_TURN_OF_MESSAGE = (
    select(turn_message.c.turn).where(*_OF_MESSAGE).order_by(turn_message.c.row.desc()).limit(1)
)
_EDIT_MESSAGE = (
    update(turn_message)
    .where(turn_message.c.turn == bindparam("of_row"), *_OF_MESSAGE)
    .values(text=bindparam("to"))
)
_REMOVE_MESSAGE = delete(turn_message).where(
    turn_message.c.turn == bindparam("of_row"), *_OF_MESSAGE
)
_RATING = insert(feedback).from_select(
    ["turn", "person", "value", "rated_at"],
    select(
        turn.c.row,
        bindparam("of_person", type_=String()),
        bindparam("to", type_=Integer()),
        bindparam("at", type_=Integer()),
    ).where(turn.c.id == bindparam("of_id")),
)
_RATE = _RATING.on_conflict_do_update(
    index_elements=["turn", "person"],
    set_={"value": _RATING.excluded.value, "rated_at": _RATING.excluded.rated_at},
)
_COUNT = select(sql.count()).select_from(turn)


def _with_messages(turns: Select[Any]) -> Select[Any]:
    """The turns that `turns` selects, oldest first, a row for each of their messages."""
    chosen = turns.subquery()
    return (
        select(chosen, turn_message.c.message_id, turn_message.c.text)
        .outerjoin_from(chosen, turn_message, turn_message.c.turn == chosen.c.row)
        .order_by(chosen.c.session, chosen.c.number, turn_message.c.position)
    )


_FLOOR = select(session.c.floor).where(session.c.key == bindparam("of_session")).scalar_subquery()
_RECENT = _with_messages(
    select(turn)
    .where(turn.c.session == bindparam("of_session"), turn.c.number > _FLOOR)
    .order_by(turn.c.number.desc())
    .limit(bindparam("at_most"))
)
_BY_ID = _with_messages(select(turn).where(turn.c.id == bindparam("of_id")))
_BY_ROW = _with_messages(select(turn).where(turn.c.row == bindparam("of_row")))
_BY_MESSAGE = _with_messages(select(turn).where(turn.c.row == _TURN_OF_MESSAGE.scalar_subquery()))
OF_PERSON = _with_messages(select(turn).where(turn.c.person == bindparam("of_person")))
"""Everything a person asked; read it with `turns_of`."""


class Turns:
    """Every method raises `StorageError` when the database can't do it."""

    def __init__(self, db: Database, *, clock: Clock = utc_now) -> None:
        self._db = db
        self._clock = clock

    async def commit(
        self,
        turn: Turn,
        to: Destination | None = None,
        bodies: Sequence[Body] = (),
        done: Sequence[int] = (),
    ) -> Turn:
        """Keep a turn, its answer's bodies (if it goes anywhere) and the end of events `done`.

        One commit. Returns the turn with its number: the session's next, or the one it had.
        """
        now = self._clock()

        def op(connection: Connection) -> Turn:
            number = _put(connection, turn, now)
            if to is not None:
                write_bodies(connection, turn.id, to, bodies, now)
            finish_events(connection, done, Outcome.DONE, now)
            return replace(turn, number=number)

        return await self._db.write(op)

    async def recent(self, session: str, limit: int) -> list[Turn]:
        """The last `limit` turns of a session since its last fresh start, oldest first."""
        return await self._read(_RECENT, of_session=session, at_most=limit)

    async def get(self, id: str) -> Turn | None:  # noqa: A002  # the field's name
        """The turn with this id."""
        return _first(await self._read(_BY_ID, of_id=id))

    async def by_message(self, session: str, message_id: str) -> Turn | None:
        """The turn that a message is part of the question of."""
        return _first(await self._read(_BY_MESSAGE, of_session=session, of_message=message_id))

    async def edit_message(
        self, session: str, message_id: str, text: str, done: Sequence[int] = ()
    ) -> Turn | None:
        """Change a question's message; the turn as it is now, None when there is none."""
        now = self._clock()
        key = {"of_session": session, "of_message": message_id}

        def op(connection: Connection) -> Turn | None:
            finish_events(connection, done, Outcome.DONE, now)
            row = connection.scalar(_TURN_OF_MESSAGE, key)
            if row is None:
                return None
            connection.execute(_EDIT_MESSAGE, key | {"of_row": row, "to": text})
            return _by_row(connection, row)

        return await self._db.write(op)

    async def remove_message(
        self, session: str, message_id: str, done: Sequence[int] = ()
    ) -> Turn | None:
        """Take a message out of its question; the turn as it was, None when there was none.

        A turn that loses its last message goes altogether, and its answer's parts are to be
        removed.
        """
        now = self._clock()
        key = {"of_session": session, "of_message": message_id}

        def op(connection: Connection) -> Turn | None:
            finish_events(connection, done, Outcome.DONE, now)
            row = connection.scalar(_TURN_OF_MESSAGE, key)
            return None if row is None else _remove_message(connection, row, key)

        return await self._db.write(op)

    async def fresh(self, session: str, done: Sequence[int] = ()) -> None:
        """Start an empty window; the history before it stays."""
        now = self._clock()

        def op(connection: Connection) -> None:
            connection.execute(_FRESH, _session(session, 0, now))
            finish_events(connection, done, Outcome.DONE, now)

        await self._db.write(op)

    async def rate(self, turn_id: str, person: str, value: int, done: Sequence[int] = ()) -> bool:
        """Keep what a person thinks of an answer, instead of what they thought; is there such?"""
        now = self._clock()
        rating = {"of_id": turn_id, "of_person": person, "to": value, "at": to_micros(now)}

        def op(connection: Connection) -> bool:
            finish_events(connection, done, Outcome.DONE, now)
            return connection.execute(_RATE, rating).rowcount > 0

        return await self._db.write(op)

    async def count(self) -> int:
        """How many turns there are."""
        return await self._db.read(lambda connection: connection.execute(_COUNT).scalar_one())

    async def _read(self, query: Select[Any], **values: object) -> list[Turn]:
        return await self._db.read(
            lambda connection: turns_of(connection.execute(query, values).all())
        )


def turns_of(rows: Sequence[Row[Any]]) -> list[Turn]:
    """The turns of rows that hold a message each, one turn's next to one another."""
    return [_turn(list(group)) for _, group in groupby(rows, lambda row: row.row)]


def _turn(rows: Sequence[Row[Any]]) -> Turn:
    row = rows[0]
    return Turn(
        row.id,
        row.session,
        row.person,
        row.author,
        tuple(TurnMessage(each.message_id, each.text) for each in rows if each.text is not None),
        row.answer,
        from_micros(row.created_at),
        row.number,
        row.stopped,
        row.model,
        row.prompt_version,
        row.sampling,
        row.usage,
    )


def _first(turns: Sequence[Turn]) -> Turn | None:
    return turns[0] if turns else None


def _by_row(connection: Connection, row: int) -> Turn:
    return turns_of(connection.execute(_BY_ROW, {"of_row": row}).all())[0]


def _put(connection: Connection, value: Turn, now: datetime) -> int:
    """Add a turn or replace it; its number."""
    found = connection.execute(_ROW_OF, {"of_id": value.id}).one_or_none()
    if found is None:
        number = connection.execute(_NEXT_NUMBER, _session(value.session, 1, now)).scalar_one()
        key = {"id": value.id, "session": value.session, "person": value.person}
        row = connection.execute(_ADD, key | {"number": number} | _content(value)).scalar_one()
    else:
        row, number = found
        connection.execute(_ACTIVE, {"of_session": value.session, "at": to_micros(now)})
        connection.execute(_ANSWERED_ANEW, _content(value) | {"of_row": row})
        connection.execute(_REMOVE_MESSAGES, {"of_row": row})
    if value.messages:
        connection.execute(_ADD_MESSAGE, _messages(value, row))
    return number


def _session(key: str, last_number: int, now: datetime) -> dict[str, object]:
    return {"key": key, "last_number": last_number, "floor": 0, "last_active": to_micros(now)}


def _content(value: Turn) -> dict[str, object]:
    return {
        "author": value.author,
        "answer": value.answer,
        "created_at": to_micros(value.created_at),
        "stopped": value.stopped,
        "model": value.model,
        "prompt_version": value.prompt_version,
        "sampling": value.sampling,
        "usage": value.usage,
    }


def _messages(value: Turn, row: int) -> list[dict[str, object]]:
    return [
        {
            "turn": row,
            "position": position,
            "session": value.session,
            "message_id": message.message_id,
            "text": message.text,
        }
        for position, message in enumerate(value.messages)
    ]


def _remove_message(connection: Connection, row: int, key: dict[str, str]) -> Turn:
    was = _by_row(connection, row)
    connection.execute(_REMOVE_MESSAGE, key | {"of_row": row})
    if not _by_row(connection, row).messages:
        connection.execute(_REMOVE, {"of_row": row})
        remove_parts(connection, [was.id])
    return was
