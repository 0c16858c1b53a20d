"""Known answers: turns whose answer is given again in their room to whoever asks the same.

An entry points to its turn and holds no text: whatever removes the turn (its author's `forget`,
retention, a deletion) removes the entry, and a turn that changes loses it (`turns`). What is the
same question is not known here: `key` is opaque.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, Integer, String, bindparam, delete, func, or_, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import aliased

from storage.clock import Clock, to_micros, utc_now
from storage.database import Database
from storage.records import Turn
from storage.statement import Statement, Step
from storage.tables import known_answer, room, turn
from storage.turns import turns_of, with_messages

_IN_ROOM = known_answer.c.room == bindparam("room", type_=String())
_FOUND = with_messages(
    select(turn)
    .join(known_answer, known_answer.c.turn == turn.c.row)
    .where(
        _IN_ROOM,
        known_answer.c.key == bindparam("key"),
        known_answer.c.kept_at > bindparam("since"),
    )
)
_COUNTS = Statement(
    select(known_answer.c.room, func.count())
    .where(known_answer.c.kept_at > bindparam("since"))
    .group_by(known_answer.c.room)
)
_MAY_KEEP = (
    select(room.c.room)
    .where(
        room.c.keeps_answers,
        room.c.platform + ":" + room.c.account + ":" + room.c.room == bindparam("room"),
    )
    .exists()
)
_KEEP = Statement(
    insert(known_answer)
    .prefix_with("OR REPLACE")
    .from_select(
        ["turn", "room", "key", "kept_at"],
        select(
            turn.c.row,
            bindparam("room", type_=String()),
            bindparam("key", type_=String()),
            bindparam("at", type_=Integer()),
        ).where(turn.c.id == bindparam("id"), _MAY_KEEP),
    )
)
_OLDEST = (
    select(known_answer.c.turn)
    .order_by(known_answer.c.kept_at.desc())
    .limit(-1)
    .offset(bindparam("most"))
)
_TRIM = Statement(
    delete(known_answer).where(
        or_(known_answer.c.kept_at <= bindparam("since"), known_answer.c.turn.in_(_OLDEST))
    )
)
_DROP_ROOM = Statement(delete(known_answer).where(_IN_ROOM))
_rated = aliased(turn)
_DROP_LIKE = Statement(
    delete(known_answer).where(
        select(turn.c.row)
        .join(_rated, _rated.c.answer == turn.c.answer)
        .where(
            turn.c.row == known_answer.c.turn,
            _rated.c.id == bindparam("id"),
            or_(
                _rated.c.session == known_answer.c.room,
                func.substr(_rated.c.session, 1, func.length(known_answer.c.room) + 1)
                == known_answer.c.room + ":",
            ),
        )
        .exists()
    )
)


class Known:
    """Every method raises `StorageError` when the database can't do it."""

    def __init__(self, db: Database, *, clock: Clock = utc_now) -> None:
        self._db = db
        self._clock = clock

    async def find(self, room: str, key: str, lasts: timedelta) -> Turn | None:
        """The turn that is kept under a key in a room, if it was kept no longer ago than that."""
        since = to_micros(self._clock() - lasts)
        values = {"room": room, "key": key, "since": since}
        found = await self._db.read(lambda connection: turns_of(_FOUND.rows(connection, values)))
        return found[0] if found else None

    async def counts(self, lasts: timedelta) -> dict[str, int]:
        """How many answers are kept, by room."""
        since = {"since": to_micros(self._clock() - lasts)}
        return await self._db.read(lambda connection: dict(_COUNTS.rows(connection, since)))


def keeping(turn_id: str, room: str, key: str, lasts: timedelta, most: int) -> Step:
    """Keep a turn's answer, in the turn's own commit, instead of what was kept under the key.

    A room that does not keep answers gets none. What is too old goes, and the oldest of more than
    `most` entries of all rooms.
    """

    def step(connection: Connection, now: datetime) -> None:
        at = to_micros(now)
        _KEEP.run(connection, {"id": turn_id, "room": room, "key": key, "at": at})
        _TRIM.run(connection, {"since": to_micros(now - lasts), "most": most})

    return step


def dropping(turn_id: str) -> Step:
    """Give a turn's answer to nobody again in its room, from whichever turn it was taken."""
    return lambda connection, _: _DROP_LIKE.run_each(connection, [{"id": turn_id}])


def dropping_room(key: str) -> Step:
    """Keep nothing of a room."""
    return lambda connection, _: _DROP_ROOM.run_each(connection, [{"room": key}])
