"""Standard answers: what administrators wrote for questions that come again and again.

The bot reads all of them at start. Each change is a step with its audit entry, for a commit of
somebody's.
"""

import json

from sqlalchemy import bindparam, delete, select

from storage.audit import Audit
from storage.database import Database
from storage.records import AuditEntry, StandardAnswer
from storage.statement import Statement, Step, insertion
from storage.tables import standard_answer

_ALL = Statement(select(standard_answer).order_by(standard_answer.c.name))
_PUT = Statement(insertion(standard_answer).prefix_with("OR REPLACE"))
_REMOVE = Statement(delete(standard_answer).where(standard_answer.c.name == bindparam("name")))


class StandardStore:
    """Every method raises `StorageError` when the database can't do it."""

    def __init__(self, db: Database, audit: Audit) -> None:
        self._db = db
        self._audit = audit

    async def all(self) -> list[StandardAnswer]:
        """Every standard answer, by name."""
        return await self._db.read(
            lambda connection: [_answer(*row) for row in _ALL.rows(connection, {})]
        )

    def keeping(self, answer: StandardAnswer, entry: AuditEntry) -> Step:
        """Keep an answer, instead of the one with its name."""
        values = {
            "name": answer.name,
            "patterns": json.dumps(answer.patterns, ensure_ascii=False),
            "template": answer.template,
            "language": answer.language,
            "enabled": answer.enabled,
        }
        return self._audit.changing(_PUT, values, [entry])

    def removing(self, name: str, entry: AuditEntry) -> Step:
        """Take an answer away."""
        return self._audit.changing(_REMOVE, {"name": name}, [entry])


def _answer(name: str, patterns: str, template: str, language: str, enabled: int) -> StandardAnswer:
    return StandardAnswer(name, tuple(json.loads(patterns)), template, language, bool(enabled))
