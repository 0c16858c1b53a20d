"""Receipts of erasures: given to the person and kept, open until no copy holds them any more.

A receipt's moment is its key and grows with each, so that a backup is as clean as the newest
receipt that it knows (`rotation.Backup.through`).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, text, update

from storage.clock import from_micros, to_micros
from storage.database import Database
from storage.records import Held, Receipt
from storage.statement import Statement, Step, Values, insertion
from storage.tables import erasure

_ADD = Statement(insertion(erasure))
_TAKE_OVER = Statement(insertion(erasure).on_conflict_do_nothing())
_LAST = Statement(text("SELECT coalesce(max(at), 0) FROM erasure"))
_ALL = Statement(select(erasure).order_by(erasure.c.at))
_IS_OPEN = erasure.c.closed_at.is_(None)
_OPEN = Statement(select(erasure).where(_IS_OPEN).order_by(erasure.c.at))
_CLOSE = Statement(
    update(erasure)
    .where(_IS_OPEN, erasure.c.at <= bindparam("through"))
    .values(person="", closed_at=bindparam("now"))
)


class Receipts:
    """Every method raises `StorageError` when the database can't do it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def open(self) -> list[Receipt]:
        """Those that something still holds, the oldest first."""
        return await self._db.read(lambda connection: _receipts(_OPEN.rows(connection, {})))

    async def all(self) -> list[Receipt]:
        """Every receipt, the oldest first."""
        return await self._db.read(all_of)

    async def close(self, receipts: Sequence[Receipt], now: datetime, also: Sequence[Step]) -> None:
        """Nothing holds these any more: they name nobody from now on."""
        through = {"through": max(to_micros(each.at) for each in receipts), "now": to_micros(now)}

        def op(connection: Connection) -> None:
            _CLOSE.run(connection, through)
            for step in also:
                step(connection, now)

        await self._db.write(op)


def keep(
    connection: Connection, person: str, counts: Mapping[str, int], held: Held, now: datetime
) -> Receipt:
    """The receipt of an erasure, in the erasure's commit."""
    at = max(to_micros(now), last(connection) + 1)
    receipt = Receipt(from_micros(at), person, counts, held)
    _ADD.run(connection, _row(receipt))
    return receipt


def take_over(connection: Connection, receipts: Sequence[Receipt]) -> None:
    """Know another file's receipts."""
    _TAKE_OVER.run_each(connection, [_row(each) for each in receipts])


def last(connection: Connection) -> int:
    """The moment of the newest receipt, 0 before the first."""
    return int(_LAST.value(connection, {}))


def all_of(connection: Connection) -> list[Receipt]:
    """Every receipt in a file, the oldest first."""
    return _receipts(_ALL.rows(connection, {}))


def _row(receipt: Receipt) -> dict[str, object]:
    until, closed_at = receipt.held.until, receipt.closed_at
    return {
        "at": to_micros(receipt.at),
        "person": receipt.person,
        "counts": json.dumps(dict(receipt.counts)),
        "backups": json.dumps(receipt.held.backups),
        "until": None if until is None else to_micros(until),
        "closed_at": None if closed_at is None else to_micros(closed_at),
    }


def _receipts(rows: Sequence[Values]) -> list[Receipt]:
    return [_receipt(*row) for row in rows]


def _receipt(
    at: int, person: str, counts: str, backups: str, until: int | None, closed_at: int | None
) -> Receipt:
    held = Held(tuple(json.loads(backups)), None if until is None else from_micros(until))
    closed = None if closed_at is None else from_micros(closed_at)
    return Receipt(from_micros(at), person, json.loads(counts), held, closed)
