"""Standard answers: what administrators wrote for questions that come again and again.

The bot reads all of them at start. Each change is one commit, together with its audit entry.
"""

import json
from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, delete, select

from storage.audit import Audit
from storage.clock import Clock, utc_now
from storage.database import Database
from storage.records import AuditEntry, StandardAnswer
from storage.statement import Statement, insertion
from storage.tables import standard_answer

_ALL = Statement(select(standard_answer).order_by(standard_answer.c.name))
_PUT = Statement(insertion(standard_answer).prefix_with("OR REPLACE"))
_REMOVE = Statement(delete(standard_answer).where(standard_answer.c.name == bindparam("name")))


class StandardStore:
    """Every method raises `StorageError` when the database can't do it."""

    def __init__(self, db: Database, audit: Audit, *, clock: Clock = utc_now) -> None:
        self._db = db
        self._audit = audit
        self._clock = clock

    async def all(self) -> list[StandardAnswer]:
        """Every standard answer, by name."""
        return await self._db.read(
            lambda connection: [_answer(*row) for row in _ALL.rows(connection, {})]
        )

    async def put(self, answer: StandardAnswer, entry: AuditEntry) -> None:
        """Keep an answer, instead of the one with its name."""
        values = {
            "name": answer.name,
            "patterns": json.dumps(answer.patterns, ensure_ascii=False),
            "template": answer.template,
            "language": answer.language,
            "enabled": answer.enabled,
        }
        await self._change(_PUT, values, entry)

    async def remove(self, name: str, entry: AuditEntry) -> None:
        """Take an answer away."""
        await self._change(_REMOVE, {"name": name}, entry)

    async def _change(
        self, statement: Statement, values: Mapping[str, object], entry: AuditEntry
    ) -> None:
        now = self._clock()

        def op(connection: Connection) -> None:
            statement.run(connection, values)
            self._audit.keep(connection, [entry], now)

        await self._db.write(op)


def _answer(name: str, patterns: str, template: str, language: str, enabled: int) -> StandardAnswer:
    return StandardAnswer(name, tuple(json.loads(patterns)), template, language, bool(enabled))
