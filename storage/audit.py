"""The audit: who did what to whom, and how it ended; added in the commit of its effect."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from storage.clock import Clock, from_micros, to_micros, utc_now
from storage.database import Database
from storage.records import AuditEntry
from storage.statement import Statement, Step, insertion
from storage.tables import audit

_ADD = Statement(insertion(audit, but="id"))
_LATEST = Statement(select(audit).order_by(audit.c.id.desc()).limit(bindparam("at_most")))


class Audit:
    """Every method raises `StorageError` when the database can't do it."""

    def __init__(self, db: Database, *, clock: Clock = utc_now) -> None:
        self._db = db
        self._clock = clock

    async def add(self, entry: AuditEntry) -> None:
        """Keep an entry whose effect is in no database, or that had none."""
        now = self._clock()
        await self._db.write(lambda connection: add_entries(connection, [entry], now))

    async def latest(self, limit: int) -> list[AuditEntry]:
        """The last entries, the newest first."""
        return await self._db.read(
            lambda connection: [
                _entry(*row) for row in _LATEST.rows(connection, {"at_most": limit})
            ]
        )


def adding(entry: AuditEntry) -> Step:
    """Keep an entry in another commit."""
    return lambda connection, now: add_entries(connection, [entry], now)


def add_entries(connection: Connection, entries: Iterable[AuditEntry], now: datetime) -> None:
    """The statements of `Audit.add`, for a commit that does more."""
    _ADD.run_each(
        connection,
        [
            {
                "at": to_micros(now),
                "actor": entry.actor,
                "action": entry.action,
                "target": entry.target,
                "detail": entry.detail,
                "outcome": entry.outcome,
            }
            for entry in entries
        ],
    )


def _entry(
    id_: int, at: int, actor: str, action: str, target: str, detail: str, outcome: str
) -> AuditEntry:
    entry = AuditEntry(actor, action, target, detail, outcome)
    return replace(entry, at=from_micros(at), id=id_)
