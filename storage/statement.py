"""Statements of SQLAlchemy Core, compiled once and then run by the driver itself.

Executing a Core statement costs several times what SQLite needs for it, and every answer runs a
dozen of them beside the event loop. What is compiled here is text with named parameters; values
go in and come out as the driver knows them (a truth value as 0 or 1).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ClauseElement, Connection, Table, bindparam
from sqlalchemy.dialects.sqlite import Insert, dialect, insert
from sqlalchemy.sql.compiler import SQLCompiler

from storage.connection import raw
from storage.driver import driver

Values = tuple[Any, ...]
"""A row as the driver gives it, in the order of the statement's columns."""

Step = Callable[[Connection, datetime], None]
"""What a commit does besides its own matter; made by `storage/`, opaque to everybody else."""

_DIALECT = dialect(paramstyle="named")


class Statement:
    """A statement with its parameters (`bindparam`) open; other values in it are part of it."""

    __slots__ = ("_core", "_fixed", "_text")

    def __init__(self, core: ClauseElement) -> None:
        self._core = core
        self._text = ""
        self._fixed: dict[str, object] = {}

    @property
    def text(self) -> str:
        """The SQL, with parameters as `:name`."""
        return self._text or self._compile()

    def rows(self, connection: Connection, values: Mapping[str, object]) -> list[Values]:
        """All rows of the result."""
        return self._execute(connection, values).fetchall()

    def row(self, connection: Connection, values: Mapping[str, object]) -> Values | None:
        """The first row of the result; it has at most a few."""
        rows = self._execute(connection, values).fetchall()
        return rows[0] if rows else None

    def value(self, connection: Connection, values: Mapping[str, object]) -> Any:
        """The first column of the first row, None when there is none."""
        row = self.row(connection, values)
        return None if row is None else row[0]

    def run(self, connection: Connection, values: Mapping[str, object]) -> int:
        """How many rows were changed."""
        return self._execute(connection, values).rowcount

    def run_each(self, connection: Connection, values: Sequence[Mapping[str, object]]) -> None:
        """Run it once for each of `values`."""
        text = self.text
        fixed = self._fixed
        raw(connection).executemany(text, [{**each, **fixed} for each in values])

    def _execute(self, connection: Connection, values: Mapping[str, object]) -> driver.Cursor:
        text = self.text
        return raw(connection).execute(text, {**values, **self._fixed})

    def _compile(self) -> str:
        compiled = self._core.compile(dialect=_DIALECT)
        assert isinstance(compiled, SQLCompiler)
        self._fixed = {
            name: bind.value for bind, name in compiled.bind_names.items() if not bind.required
        }
        self._text = str(compiled)
        return self._text


def insertion(table: Table, *, but: str = "") -> Insert:
    """An insert with a parameter for every column, named like it; `but` one that SQLite numbers."""
    names = [column.name for column in table.columns if column.name != but]
    return insert(table).values({name: bindparam(name) for name in names})
