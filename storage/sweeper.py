"""Deletes what is kept no longer: turns with all that hangs on them, delivered answers, finished
events, and posts of our own page.

A few rows a commit, with a pause between, so that nobody's message waits for it. What waits to be
answered or delivered stays, however old; finished events stay for a week at least, so that a
message that a platform gives again is not answered again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from storage.clock import Clock, from_micros, to_micros, utc_now
from storage.database import Database
from storage.erasure import PAGE
from storage.index import remove_from_index
from storage.page import empty
from storage.retention import Retention
from storage.statement import Statement, Values

BATCH = 10
"""Rows deleted in one commit."""
STEP = 1000
"""Rows looked at in one read."""
PAUSE_S = 0.02
EVENTS_KEPT = timedelta(days=7)

_SESSIONS = Statement(
    text("SELECT key FROM session WHERE key > :after ORDER BY key LIMIT :at_most")
)
_OLDEST = Statement(
    text(
        "SELECT row, id FROM (SELECT row, id, created_at FROM turn WHERE session = :session"
        " ORDER BY number LIMIT :at_most) WHERE created_at < :cut"
    )
)
_DROP_PARTS = Statement(
    text("DELETE FROM outbox WHERE answer = :id AND state IN ('delivered', 'dead')")
)
_DROP_TURN = Statement(text("DELETE FROM turn WHERE row = :row"))
_DROP_SESSION = Statement(
    text(
        "DELETE FROM session WHERE key = :session"
        " AND NOT EXISTS (SELECT 1 FROM turn WHERE session = :session)"
    )
)
_PARTS = Statement(
    text(
        "SELECT id, session, created_at, state IN ('delivered', 'dead') FROM outbox"
        " WHERE id > :after ORDER BY id LIMIT :at_most"
    )
)
_EVENTS = Statement(
    text(
        "SELECT id, session, received_at, outcome IS NOT NULL FROM inbox"
        " WHERE id > :after ORDER BY id LIMIT :at_most"
    )
)
_POSTS = Statement(
    text(
        f"SELECT position, '{PAGE}' || room, posted_at, NOT removed FROM page_post"  # noqa: S608 - a name of ours
        " WHERE position > :after ORDER BY position LIMIT :at_most"
    )
)
_DROP_PART = Statement(text("DELETE FROM outbox WHERE id = :id"))
_DROP_EVENT = Statement(text("DELETE FROM inbox WHERE id = :id"))

Rows = Sequence[Values]


@dataclass(frozen=True, slots=True)
class Swept:
    """How many of each kind went, and the sessions whose turns did."""

    turns: int = 0
    answers: int = 0
    messages: int = 0
    posts: int = 0
    sessions: tuple[str, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """Whether nothing went."""
        return not (self.turns or self.answers or self.messages or self.posts)


class Sweeper:
    """Raises `StorageError` when the database can't do it; what was swept by then is gone."""

    def __init__(
        self,
        db: Database,
        clock: Clock = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._db = db
        self._clock = clock
        self._sleep = sleep

    async def sweep(self, retention: Retention) -> Swept:
        """Delete whatever is older than its place keeps it."""
        now = self._clock()
        if retention.last_cut(now) is None:
            return Swept()
        swept = await self._turns(retention, now)
        return replace(
            swept,
            answers=await self._walk(_PARTS, _each(_DROP_PART), retention, now),
            messages=await self._walk(_EVENTS, _each(_DROP_EVENT), retention, now, EVENTS_KEPT),
            posts=await self._walk(_POSTS, empty, retention, now),
        )

    async def _turns(self, retention: Retention, now: datetime) -> Swept:
        count, touched, after = 0, list[str](), ""
        while keys := await self._read(_SESSIONS, after=after):
            for (session,) in keys:
                cut = retention.cut(session, now)
                gone = await self._expire(session, to_micros(cut)) if cut else 0
                count += gone
                touched += [session] if gone else []
            after = keys[-1][0]
        return Swept(turns=count, sessions=tuple(touched))

    async def _expire(self, session: str, cut: int) -> int:
        """By number, so that a look at the oldest tells whether there is anything to do."""
        key: dict[str, object] = {"session": session, "cut": cut, "at_most": BATCH}
        count = 0
        while await self._db.read(lambda connection: _OLDEST.rows(connection, key)):
            gone = await self._db.write(lambda connection: _drop_turns(connection, key))
            count += gone
            await self._sleep(PAUSE_S)
        return count

    async def _walk(
        self,
        query: Statement,
        drop: Callable[[Connection, Sequence[int]], None],
        retention: Retention,
        now: datetime,
        at_least: timedelta = timedelta(),
    ) -> int:
        """Through a table in order of arrival, up to what is younger than anything that goes."""
        count, after, end = 0, 0, to_micros(_not_after(retention.last_cut(now), now - at_least))
        while rows := await self._read(query, after=after):
            old = [
                id_
                for id_, session, at, is_done in rows
                if is_done and _is_old(session, from_micros(at), retention, now, at_least)
            ]
            for start in range(0, len(old), BATCH):
                batch = old[start : start + BATCH]
                await self._db.write(lambda connection, batch=batch: drop(connection, batch))
                await self._sleep(PAUSE_S)
            count += len(old)
            after = rows[-1][0]
            if rows[-1][2] >= end:
                break
        return count

    async def _read(self, query: Statement, **values: object) -> Rows:
        values |= {"at_most": STEP}
        return await self._db.read(lambda connection: query.rows(connection, values))


def _drop_turns(connection: Connection, key: dict[str, object]) -> int:
    """With their words in the index, what was thought of them and is kept for who asks the same,
    and their answers' parts."""
    rows = _OLDEST.rows(connection, key)
    remove_from_index(connection, [row for row, _ in rows])
    _DROP_PARTS.run_each(connection, [{"id": id_} for _, id_ in rows])
    _DROP_TURN.run_each(connection, [{"row": row} for row, _ in rows])
    _DROP_SESSION.run(connection, key)
    return len(rows)


def _each(statement: Statement) -> Callable[[Connection, Sequence[int]], None]:
    return lambda connection, ids: statement.run_each(connection, [{"id": id_} for id_ in ids])


def _is_old(
    session: str, at: datetime, retention: Retention, now: datetime, at_least: timedelta
) -> bool:
    cut = retention.cut(session, now)
    return cut is not None and at < min(cut, now - at_least)


def _not_after(cut: datetime | None, other: datetime) -> datetime:
    return other if cut is None else min(cut, other)
