"""The change log of a working file: which rows changed, in order, and never what they hold.

Triggers of the writer's own connection keep it, so whatever writes is logged in its own commit and
nothing in `storage/` needs to know. Another file is brought up by copying the rows that the log
names as they are now (`replica.py`); so a row that changed a hundred times is copied once, what was
erased is nowhere, and copying twice is harmless.

A `Point` of the log is one entry: its number, and a random mark that tells it apart from the entry
of the same number in a history that went another way.
"""

# ruff: noqa: S608 - every name in a statement is one of our own tables'

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

KEPT = 4096
"""Entries kept after they were copied, and copied again, to be sure, when a file is reopened."""

_NOT_LOGGED = frozenset({"alembic_version", "change", "replica", "lease", "lease_term"})
_NOW = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"
_LOG = f"INSERT INTO change (mark, name, key, at) SELECT random(), '{{name}}', key, {_NOW} FROM"


@dataclass(frozen=True, slots=True)
class Point:
    """An entry of a change log."""

    seq: int
    mark: int


@dataclass(frozen=True, slots=True)
class Logged:
    """A table whose changes are logged, with the columns of its primary key."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be copied: entries, and when the oldest was made (µs since the epoch)."""

    rows: int
    since_us: int | None


def tables(connection: Connection) -> list[Logged]:
    """Every ordinary table but those that are a file's own; virtual tables follow by triggers."""
    names = connection.exec_driver_sql(
        "SELECT name FROM pragma_table_list"
        " WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " ORDER BY name"
    ).scalars()
    return [_logged(connection, name) for name in names if name not in _NOT_LOGGED]


def watch(connection: Connection) -> None:
    """Log whatever this connection writes from now on."""
    connection.exec_driver_sql("PRAGMA recursive_triggers = on")  # else REPLACE deletes unnoticed
    for table in tables(connection):
        for event, key in _events(table):
            name = f"log_{table.name}_{event.lower()}"
            connection.exec_driver_sql(
                f'CREATE TEMP TRIGGER "{name}" AFTER {event} ON main."{table.name}"'
                f" BEGIN {_LOG.format(name=table.name)} ({key}); END"
            )


def replica_point(connection: Connection) -> Point | None:
    """The point that this file holds, or, in a working file, that is known to be copied."""
    row = connection.exec_driver_sql("SELECT seq, mark FROM replica").first()
    return None if row is None else Point(row.seq, row.mark)


def set_replica_point(connection: Connection, point: Point) -> None:
    connection.exec_driver_sql(
        "INSERT INTO replica (id, seq, mark) VALUES (1, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, mark = excluded.mark",
        (point.seq, point.mark),
    )


def leave_the_log(connection: Connection) -> None:
    """This file is written by itself from now on: no log holds the point where it stands."""
    connection.exec_driver_sql("UPDATE replica SET seq = seq + 1, mark = random()")


def last(connection: Connection) -> Point | None:
    """The newest entry."""
    row = connection.exec_driver_sql(
        "SELECT seq, mark FROM change ORDER BY seq DESC LIMIT 1"
    ).first()
    return None if row is None else Point(row.seq, row.mark)


def holds(connection: Connection, point: Point) -> bool:
    """Whether the log went through this point and still knows."""
    query = "SELECT count(*) FROM change WHERE seq = ? AND mark = ?"
    return bool(connection.exec_driver_sql(query, (point.seq, point.mark)).scalar_one())


def anchor(connection: Connection, point: Point) -> None:
    """Begin the log at a point that another file holds."""
    connection.exec_driver_sql("DELETE FROM change")
    connection.exec_driver_sql(
        f"INSERT INTO change (seq, mark, name, key, at) VALUES (?, ?, '', '[]', {_NOW})",
        (point.seq, point.mark),
    )
    set_replica_point(connection, point)


def start_over(connection: Connection) -> Point:
    """Log every row there is, for a file that is empty; the point that such a file holds."""
    before = last(connection)
    mark = connection.exec_driver_sql("SELECT random()").scalar_one()
    point = Point(before.seq + 1 if before else 0, mark)
    anchor(connection, point)
    for table in tables(connection):
        key = _key(table, "")
        connection.exec_driver_sql(
            f'{_LOG.format(name=table.name)} (SELECT {key} AS key FROM "{table.name}")'
        )
    return point


def note_copied(connection: Connection, point: Point) -> None:
    """Everything up to this point is in the other file; forget entries that are old enough."""
    set_replica_point(connection, point)
    connection.exec_driver_sql("DELETE FROM change WHERE seq < ?", (point.seq - KEPT,))


def backlog(connection: Connection) -> Backlog:
    """What is not copied yet."""
    rows, since_us = connection.exec_driver_sql(
        "SELECT count(*), min(at) FROM change WHERE seq > coalesce((SELECT seq FROM replica), -1)"
    ).one()
    return Backlog(rows, since_us)


def entries(connection: Connection, after: int, limit: int) -> Sequence[tuple[Point, str, str]]:
    """The next entries: point, table, key as a JSON array."""
    rows = connection.exec_driver_sql(
        "SELECT seq, mark, name, key FROM change WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
    )
    return [(Point(row.seq, row.mark), row.name, row.key) for row in rows]


def _logged(connection: Connection, name: str) -> Logged:
    columns = connection.exec_driver_sql("SELECT name, pk FROM pragma_table_info(?)", (name,)).all()
    key = sorted((column.pk, column.name) for column in columns if column.pk)
    if not key:
        raise ValueError(f"table {name} has no primary key, so its changes can't be logged")
    return Logged(name, tuple(column.name for column in columns), tuple(name for _, name in key))


def _events(table: Logged) -> list[tuple[str, str]]:
    old, new = (f"SELECT {_key(table, row)} AS key" for row in ("OLD.", "NEW."))
    return [("INSERT", new), ("UPDATE", f"{old} UNION {new}"), ("DELETE", old)]


def _key(table: Logged, row: str) -> str:
    return "json_array(" + ", ".join(f'{row}"{name}"' for name in table.key) + ")"


def key_array(keys: Sequence[str]) -> str:
    """Keys of entries as one JSON array, for `json_each`."""
    return json.dumps([json.loads(key) for key in keys])
