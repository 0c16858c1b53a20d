"""Turns: questions with their answers, numbered within their session, and what people thought.

A turn is committed together with its answer's outbox bodies and the end of the inbox events it
came from. Its id is the answer's: answering again replaces the turn and keeps its number.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Integer, Select, String, bindparam, delete, select, update
from sqlalchemy import func as sql
from sqlalchemy.dialects.sqlite import insert

from storage.clock import Clock, from_micros, to_micros, utc_now
from storage.database import Database
from storage.inbox import finish_events
from storage.index import add_to_index, remove_from_index
from storage.outbox import remove_parts, write_bodies
from storage.records import Body, Destination, Outcome, Turn, TurnMessage
from storage.statement import Statement, Step, Values, insertion
from storage.tables import feedback, known_answer, session, turn, turn_message

_ROW_OF = Statement(select(turn.c.row, turn.c.number).where(turn.c.id == bindparam("id")))
_SESSION = insertion(session)
_NEXT_NUMBER = Statement(
    _SESSION.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "last_number": session.c.last_number + 1,
            "last_active": _SESSION.excluded.last_active,
        },
    ).returning(session.c.last_number)
)
_FRESH = Statement(
    _SESSION.on_conflict_do_update(
        index_elements=["key"],
        set_={"floor": session.c.last_number, "last_active": _SESSION.excluded.last_active},
    )
)
_ACTIVE = Statement(
    update(session)
    .where(session.c.key == bindparam("key"))
    .values(last_active=bindparam("last_active"))
)
_CONTENT = (
    "author",
    "answer",
    "created_at",
    "stopped",
    "model",
    "prompt_version",
    "sampling",
    "usage",
)
_IS_ROW = turn.c.row == bindparam("row")
_ADD = Statement(insertion(turn, but="row").returning(turn.c.row))
_ANSWER_ANEW = Statement(
    update(turn).where(_IS_ROW).values({name: bindparam(name) for name in _CONTENT})
)
_REMOVE = Statement(delete(turn).where(_IS_ROW))
_ADD_MESSAGE = Statement(insertion(turn_message, but="row"))
_REMOVE_MESSAGES = Statement(delete(turn_message).where(turn_message.c.turn == bindparam("row")))
_IS_MESSAGE = (
    turn_message.c.session == bindparam("session"),
    turn_message.c.message_id == bindparam("message_id"),
)
_OF_MESSAGE = (
    select(turn_message.c.turn).where(*_IS_MESSAGE).order_by(turn_message.c.row.desc()).limit(1)
)
_ROW_OF_MESSAGE = Statement(_OF_MESSAGE)
_EDIT_MESSAGE = Statement(
    update(turn_message)
    .where(turn_message.c.turn == bindparam("row"), *_IS_MESSAGE)
    .values(text=bindparam("text"))
)
_REMOVE_MESSAGE = Statement(
    delete(turn_message).where(turn_message.c.turn == bindparam("row"), *_IS_MESSAGE)
)
_RATING = insert(feedback).from_select(
    ["turn", "person", "value", "rated_at"],
    select(
        turn.c.row,
        bindparam("person", type_=String()),
        bindparam("value", type_=Integer()),
        bindparam("at", type_=Integer()),
    ).where(turn.c.id == bindparam("id")),
)
_RATE = Statement(
    _RATING.on_conflict_do_update(
        index_elements=["turn", "person"],
        set_={"value": _RATING.excluded.value, "rated_at": _RATING.excluded.rated_at},
    )
)
_UNRATE = Statement(
    delete(feedback).where(
        feedback.c.turn == select(turn.c.row).where(turn.c.id == bindparam("id")).scalar_subquery(),
        feedback.c.person == bindparam("person"),
    )
)
_LET_GO = Statement(delete(known_answer).where(known_answer.c.turn == bindparam("row")))
"""A turn that changes is no longer what others asked for."""
_COUNT = Statement(select(sql.count()).select_from(turn))


def with_messages(turns: Select[Any]) -> Statement:
    """The turns that `turns` selects, oldest first, a row for each of their messages."""
    chosen = turns.subquery()
    return Statement(
        select(chosen, turn_message.c.message_id, turn_message.c.text)
        .outerjoin_from(chosen, turn_message, turn_message.c.turn == chosen.c.row)
        .order_by(chosen.c.session, chosen.c.number, turn_message.c.position)
    )


_FLOOR = select(session.c.floor).where(session.c.key == bindparam("session")).scalar_subquery()
_RECENT = with_messages(
    select(turn)
    .where(turn.c.session == bindparam("session"), turn.c.number > _FLOOR)
    .order_by(turn.c.number.desc())
    .limit(bindparam("at_most"))
)
_BY_ID = with_messages(select(turn).where(turn.c.id == bindparam("id")))
_BY_ROW = with_messages(select(turn).where(_IS_ROW))
_BY_MESSAGE = with_messages(select(turn).where(turn.c.row == _OF_MESSAGE.scalar_subquery()))


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
        also: Sequence[Step] = (),
    ) -> Turn:
        """Keep a turn, its answer's bodies (if it goes anywhere) and the end of events `done`.

        One commit, with `also`. Returns the turn with its number: the session's next, or the one
        it had.
        """
        now = self._clock()

        def op(connection: Connection) -> Turn:
            number = _put(connection, turn, now)
            if to is not None:
                write_bodies(connection, turn.id, to, bodies, now)
            finish_events(connection, done, Outcome.DONE, now)
            for step in also:
                step(connection, now)
            return replace(turn, number=number)

        return await self._db.write(op)

    async def recent(self, session: str, limit: int) -> list[Turn]:
        """The last `limit` turns of a session since its last fresh start, oldest first."""
        return await self._read(_RECENT, session=session, at_most=limit)

    async def get(self, id: str) -> Turn | None:  # noqa: A002  # the field's name
        """The turn with this id."""
        return _first(await self._read(_BY_ID, id=id))

    async def by_message(self, session: str, message_id: str) -> Turn | None:
        """The turn that a message is part of the question of."""
        return _first(await self._read(_BY_MESSAGE, session=session, message_id=message_id))

    async def edit_message(
        self, session: str, message_id: str, text: str, done: Sequence[int] = ()
    ) -> Turn | None:
        """Change a question's message; the turn as it is now, None when there is none."""
        now = self._clock()
        key = {"session": session, "message_id": message_id}

        def op(connection: Connection) -> Turn | None:
            finish_events(connection, done, Outcome.DONE, now)
            row = _ROW_OF_MESSAGE.value(connection, key)
            if row is None:
                return None
            remove_from_index(connection, [row])
            _EDIT_MESSAGE.run(connection, key | {"row": row, "text": text})
            _LET_GO.run(connection, {"row": row})
            add_to_index(connection, [row])
            return turn_at(connection, row)

        return await self._db.write(op)

    async def remove_message(
        self, session: str, message_id: str, done: Sequence[int] = ()
    ) -> Turn | None:
        """Take a message out of its question; the turn as it was, None when there was none.

        A turn that loses its last message goes altogether, and its answer's parts are to be
        removed.
        """
        now = self._clock()
        key = {"session": session, "message_id": message_id}

        def op(connection: Connection) -> Turn | None:
            finish_events(connection, done, Outcome.DONE, now)
            row = _ROW_OF_MESSAGE.value(connection, key)
            return None if row is None else _remove_message(connection, row, key)

        return await self._db.write(op)

    async def fresh(self, session: str, done: Sequence[int] = ()) -> None:
        """Start an empty window; the history before it stays."""
        now = self._clock()

        def op(connection: Connection) -> None:
            _FRESH.run(connection, _session(session, 0, now))
            finish_events(connection, done, Outcome.DONE, now)

        await self._db.write(op)

    async def rate(
        self,
        turn_id: str,
        person: str,
        value: int,
        done: Sequence[int] = (),
        also: Sequence[Step] = (),
    ) -> bool:
        """Keep what a person thinks of an answer, instead of what they thought; is there such?

        0 takes back what they thought. `also` happens in the same commit.
        """
        now = self._clock()
        rating = {"id": turn_id, "person": person, "value": value, "at": to_micros(now)}

        def op(connection: Connection) -> bool:
            finish_events(connection, done, Outcome.DONE, now)
            for step in also:
                step(connection, now)
            return (_RATE if value else _UNRATE).run(connection, rating) > 0

        return await self._db.write(op)

    async def count(self) -> int:
        """How many turns there are."""
        return await self._db.read(lambda connection: _COUNT.value(connection, {}))

    async def _read(self, query: Statement, **values: object) -> list[Turn]:
        return await self._db.read(lambda connection: turns_of(query.rows(connection, values)))


def turns_of(rows: Sequence[Values]) -> list[Turn]:
    """The turns of rows from `with_messages`."""
    return [_turn(list(group)) for _, group in groupby(rows, itemgetter(0))]


def _turn(rows: Sequence[Values]) -> Turn:
    _, id_, session, number, person, author, answer, created_at, stopped, *how, _, _ = rows[0]
    model, prompt_version, sampling, usage = how
    messages = tuple(TurnMessage(*row[-2:]) for row in rows if row[-1] is not None)
    return Turn(
        id_,
        session,
        person,
        author,
        messages,
        answer,
        from_micros(created_at),
        number,
        bool(stopped),
        model,
        prompt_version,
        sampling,
        usage,
    )


def _first(turns: Sequence[Turn]) -> Turn | None:
    return turns[0] if turns else None


def turn_at(connection: Connection, row: int) -> Turn:
    return turns_of(_BY_ROW.rows(connection, {"row": row}))[0]


def _put(connection: Connection, value: Turn, now: datetime) -> int:
    """Add a turn or replace it; its number."""
    found = _ROW_OF.row(connection, {"id": value.id})
    if found is None:
        number = _NEXT_NUMBER.value(connection, _session(value.session, 1, now))
        key = {"id": value.id, "session": value.session, "person": value.person}
        row = _ADD.value(connection, key | {"number": number} | _content(value))
    else:
        row, number = found
        remove_from_index(connection, [row])
        _ACTIVE.run(connection, {"key": value.session, "last_active": to_micros(now)})
        _ANSWER_ANEW.run(connection, _content(value) | {"row": row})
        _REMOVE_MESSAGES.run(connection, {"row": row})
        _LET_GO.run(connection, {"row": row})
    _ADD_MESSAGE.run_each(connection, _messages(value, row))
    add_to_index(connection, [row])
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
    was = turn_at(connection, row)
    remove_from_index(connection, [row])
    _REMOVE_MESSAGE.run(connection, key | {"row": row})
    _LET_GO.run(connection, {"row": row})
    if len(was.messages) > 1:
        add_to_index(connection, [row])
    else:
        _REMOVE.run(connection, {"row": row})
        remove_parts(connection, [was.id])
    return was
