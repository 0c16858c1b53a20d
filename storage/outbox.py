"""The outbox: every part of every answer as it should stand on its platform.

A part has its row before anything is sent, keeps its remote id as soon as there is one, and counts
the bodies it was given, so that a delivery confirms the body it delivered and no later one.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, String, and_, bindparam, case, delete, null, select, text, update
from sqlalchemy import func as sql

from storage.clock import Clock, from_micros, to_micros, utc_now
from storage.database import Database
from storage.inbox import finish_events
from storage.records import Body, Destination, Outcome, Part, PartState
from storage.statement import Statement, Step, Values, insertion
from storage.tables import DEAD, UNDELIVERED, outbox

COLUMNS = (
    outbox.c.answer,
    outbox.c.part,
    outbox.c.platform,
    outbox.c.account,
    outbox.c.address,
    outbox.c.session,
    outbox.c.person,
    outbox.c.state,
    outbox.c.created_at,
    outbox.c.body,
    outbox.c.revision,
    outbox.c.remote_id,
    outbox.c.attempts,
    outbox.c.error,
    outbox.c.ratable,
)
"""What `part_of` makes a part of."""

_OF_ANSWER = outbox.c.answer == bindparam("answer")
_IS_IT = and_(_OF_ANSWER, outbox.c.part == bindparam("part"))
_IS_CURRENT = and_(
    outbox.c.revision == bindparam("revision"),
    text("state IN ('ready', 'dead')"),
)
_NEXT_REVISION = {
    "state": PartState.READY.value,
    "revision": outbox.c.revision + 1,
    "attempts": 0,
    "error": "",
}
REMOVAL = _NEXT_REVISION | {"body": null()}
"""What an update sets for a part to be removed from its platform."""

_NEW = insertion(outbox, but="id")
_OPEN = Statement(_NEW.on_conflict_do_nothing())
_GIVE = Statement(
    _NEW.on_conflict_do_update(
        index_elements=["answer", "part"],
        set_=_NEXT_REVISION | {"body": _NEW.excluded.body, "ratable": _NEW.excluded.ratable},
    )
)
_REMOVE_BEYOND = Statement(
    update(outbox).where(_OF_ANSWER, outbox.c.part > bindparam("last")).values(REMOVAL)
)
_PLACED = Statement(update(outbox).where(_IS_IT).values(remote_id=bindparam("remote_id")))
_GONE = Statement(delete(outbox).where(_IS_IT, _IS_CURRENT, outbox.c.body.is_(None)))
_DELIVERED = Statement(
    update(outbox)
    .where(_IS_IT)
    .values(
        remote_id=sql.coalesce(bindparam("remote_id", type_=String()), outbox.c.remote_id),
        state=case((_IS_CURRENT, PartState.DELIVERED.value), else_=outbox.c.state),
        body=case((_IS_CURRENT, null()), else_=outbox.c.body),
    )
)
_ATTEMPTED = Statement(
    update(outbox).where(_IS_IT).values(attempts=outbox.c.attempts + 1, error=bindparam("error"))
)
_DEAD = Statement(
    update(outbox)
    .where(_IS_IT, text("state != 'delivered'"))
    .values(state=PartState.DEAD.value, error=bindparam("error"))
)
_REVIVE = Statement(
    update(outbox)
    .where(_IS_IT, DEAD)
    .values(
        state=case((outbox.c.revision == 0, PartState.OPEN.value), else_=PartState.READY.value),
        attempts=0,
        error="",
    )
)
_PART = Statement(select(*COLUMNS).where(_IS_IT))
_PARTS = Statement(select(*COLUMNS).where(_OF_ANSWER).order_by(outbox.c.part))
_UNDELIVERED = Statement(select(*COLUMNS).where(UNDELIVERED).order_by(outbox.c.id))
_DEAD_LETTERS = Statement(
    select(*COLUMNS).where(DEAD).order_by(outbox.c.id.desc()).limit(bindparam("at_most"))
)
_BY_REMOTE = Statement(
    select(*COLUMNS)
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

    def assert_held(self) -> None:
        """Raises `Fenced` when another bot may be answering from these rows by now."""
        self._db.assert_held()

    async def open(self, answer: str, index: int, to: Destination) -> Part:
        """The part's row: a new one, OPEN, or the one that exists, as it is."""
        now = self._clock()
        return await self._db.write(lambda connection: _open(connection, answer, index, to, now))

    async def post(
        self,
        answer: str,
        to: Destination,
        bodies: Sequence[Body],
        done: Sequence[int] = (),
        also: Sequence[Step] = (),
    ) -> None:
        """Give an answer its bodies and finish the inbox events `done`, in one commit with `also`.

        Parts that are given a body become READY with the next revision; those after the last of
        them are to be removed.
        """
        now = self._clock()

        def op(connection: Connection) -> None:
            write_bodies(connection, answer, to, bodies, now)
            finish_events(connection, done, Outcome.DONE, now)
            for step in also:
                step(connection, now)

        await self._db.write(op)

    async def withdraw(self, answers: Sequence[str]) -> None:
        """Have every part of these answers removed from its platform."""
        await self._db.write(lambda connection: remove_parts(connection, answers))

    async def placed(self, answer: str, index: int, remote_id: str) -> None:
        """Keep the platform's id of a part's message."""
        await self._set(_PLACED, answer, index, remote_id=remote_id)

    async def delivered(
        self, answer: str, index: int, revision: int, remote_id: str | None = None
    ) -> None:
        """Confirm that `revision` stands on the platform; a later one stays READY.

        The remote id is kept in any case (None: no news). A delivered body is blanked; the row of
        a removed part is deleted.
        """
        values = {"answer": answer, "part": index, "revision": revision, "remote_id": remote_id}

        def op(connection: Connection) -> None:
            if not _GONE.run(connection, values):
                _DELIVERED.run(connection, values)

        await self._db.write(op)

    async def attempted(self, answer: str, index: int, error: str) -> None:
        """Count one more failed attempt to deliver a part."""
        await self._set(_ATTEMPTED, answer, index, error=error)

    async def dead(self, answer: str, index: int, error: str) -> None:
        """Give a part up; its body is kept."""
        await self._set(_DEAD, answer, index, error=error)

    async def parts(self, answer: str) -> list[Part]:
        """The parts of an answer, by index."""
        return await self._read(_PARTS, answer=answer)

    async def undelivered(self) -> list[Part]:
        """What is OPEN or READY, in order of creation."""
        return await self._read(_UNDELIVERED)

    async def dead_letters(self, limit: int = 50) -> list[Part]:
        """What was given up, the newest first."""
        return await self._read(_DEAD_LETTERS, at_most=limit)

    async def by_remote(self, platform: str, account: str, remote_id: str) -> list[Part]:
        """The parts with a remote id, the newest first; ids may be unique in a room only."""
        return await self._read(_BY_REMOTE, platform=platform, account=account, remote_id=remote_id)

    async def _set(self, statement: Statement, answer: str, index: int, **values: str) -> None:
        row = {"answer": answer, "part": index, **values}
        await self._db.write(lambda connection: statement.run(connection, row))

    async def _read(self, query: Statement, **values: object) -> list[Part]:
        return await self._db.read(
            lambda connection: [part_of(row) for row in query.rows(connection, values)]
        )


def write_bodies(
    connection: Connection, answer: str, to: Destination, bodies: Sequence[Body], now: datetime
) -> None:
    """The statements of `Outbox.post`, for a commit that does more."""
    rows = [
        _row(answer, body.index, to, now)
        | {
            "state": PartState.READY.value,
            "body": body.markdown,
            "revision": 1,
            "ratable": body.ratable,
        }
        for body in bodies
    ]
    _GIVE.run_each(connection, rows)
    last = max((body.index for body in bodies), default=-1)
    _REMOVE_BEYOND.run(connection, {"answer": answer, "last": last})


def posting(answer: str, to: Destination, bodies: Sequence[Body]) -> Step:
    """Give an answer its bodies in another commit."""
    return lambda connection, now: write_bodies(connection, answer, to, bodies, now)


def reviving(answer: str, index: int) -> Step:
    """Try a dead part anew, with its attempts forgotten, in another commit."""
    row = {"answer": answer, "part": index}
    return lambda connection, _: _REVIVE.run_each(connection, [row])


def remove_parts(connection: Connection, answers: Sequence[str]) -> None:
    """The statements of `Outbox.withdraw`, for a commit that does more."""
    _REMOVE_BEYOND.run_each(connection, [{"answer": answer, "last": -1} for answer in answers])


def part_of(row: Values) -> Part:
    """The part that a row of `COLUMNS` holds."""
    answer, index, platform, account, address, session, person, state, created_at, *rest = row
    to = Destination(platform, account, address, session, person)
    *rest, ratable = rest
    return Part(
        answer, index, to, PartState(state), from_micros(created_at), *rest, ratable=bool(ratable)
    )


def _open(connection: Connection, answer: str, index: int, to: Destination, now: datetime) -> Part:
    row = _row(answer, index, to, now)
    _OPEN.run(connection, row)
    return part_of(_PART.rows(connection, row)[0])


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
        "ratable": False,
    }
