"""Brings another file up to a working file, and makes a working file from another file.

The other file always stands at one point of the working file's log: rows and point change in one
transaction. So it is asked, not guessed, what it holds after a commit that may have failed. Its
index of words stays empty; whoever opens it as a database builds that anew.
"""

# ruff: noqa: S608 - every name in a statement is one of our own tables'

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from storage import changes
from storage.changes import KEPT, Logged, Point
from storage.connection import raw, snapshot
from storage.index import empty_index
from storage.records import Fenced

BATCH = 256
"""Entries read in one go: none of the working file's locks is held while the other is written."""

Values = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows as they are at one moment, and what became of the rest."""

    end: Point | None
    is_full: bool
    keys: dict[str, list[str]]
    rows: dict[str, list[Values]]


class Replica:
    """One connection to each of the two files, for one thread."""

    def __init__(self, working: Connection, other: Connection, other_path: Path) -> None:
        self._working = working
        self._other = other
        self._path = other_path
        self._tables = {table.name: table for table in changes.tables(working)}
        self._is_sure = False
        self._has_deleted = False
        other.exec_driver_sql("PRAGMA foreign_keys = off")  # a row may come before its parent
        other.exec_driver_sql("PRAGMA recursive_triggers = on")
        self._held = changes.replica_point(other)
        other.rollback()

    @property
    def held(self) -> Point | None:
        """The point that the other file holds."""
        return self._held

    def adopt(self, point: Point) -> None:
        """Let an empty file stand at the point that `changes.start_over` gave."""
        self._other.exec_driver_sql("BEGIN IMMEDIATE")
        changes.set_replica_point(self._other, point)
        self._other.commit()
        self._held = point

    def catch_up(self, progress: Callable[[int], None]) -> tuple[Point, int]:
        """Copy what the other file lacks, in one commit; the point it holds then, and entries.

        The first time, what was copied last is copied again: a server that restarted may have
        lost it. Raises `Fenced` when somebody else wrote to the file.
        """
        held = self._held
        assert held is not None
        start = held.seq if self._is_sure else held.seq - KEPT
        copied, end = 0, held
        self._other.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            while True:
                batch = self._read(max(start, -1))
                self._write(batch)
                if batch.end is not None:
                    start, end = batch.end.seq, batch.end
                copied += sum(map(len, batch.keys.values()))
                progress(copied)
                # One that is not full was all there was: the file is as the working file then was.
                if not batch.is_full:
                    break
            self._move(held, end)
            self._other.commit()
        except BaseException:
            self._other.rollback()
            raise
        self._held, self._is_sure = end, True
        if self._has_deleted:
            self._empty_journal()
        return end, copied

    def _empty_journal(self) -> None:
        """A journal that is kept between commits holds pages as they were: what was deleted too.

        SQLite: “PRAGMA journal_size_limit”; 0 makes the next commit truncate it.
        """
        limit = self._other.exec_driver_sql("PRAGMA journal_size_limit").scalar_one()
        self._other.exec_driver_sql("PRAGMA journal_size_limit = 0")
        self._other.exec_driver_sql("PRAGMA user_version = 1")
        self._other.exec_driver_sql(f"PRAGMA journal_size_limit = {limit}")
        self._other.rollback()
        self._has_deleted = False

    def _read(self, after: int) -> _Batch:
        with snapshot(self._working):
            found = changes.entries(self._working, after, BATCH)
            keys: dict[str, list[str]] = defaultdict(list)
            for _, name, key in found:
                if name in self._tables:
                    keys[name].append(key)
            rows = {name: self._rows(self._tables[name], keys[name]) for name in keys}
        return _Batch(found[-1][0] if found else None, len(found) == BATCH, keys, rows)

    def _rows(self, table: Logged, keys: Sequence[str]) -> list[Values]:
        columns = _list(table.columns)
        query = f'SELECT {columns} FROM "{table.name}" WHERE {_among(table)}'
        return raw(self._working).execute(query, (changes.key_array(keys),)).fetchall()

    def _write(self, batch: _Batch) -> None:
        other = raw(self._other)
        for name, keys in batch.keys.items():
            table = self._tables[name]
            other.execute(f'DELETE FROM "{name}" WHERE {_among(table)}', (changes.key_array(keys),))
            self._has_deleted |= len(set(keys)) > len(batch.rows[name])
        for name, rows in batch.rows.items():
            columns = self._tables[name].columns
            places = ", ".join("?" * len(columns))
            # What a row replaces has changed too, and comes with this batch or a later one.
            insert = f'INSERT OR REPLACE INTO "{name}" ({_list(columns)}) VALUES ({places})'
            other.executemany(insert, rows)

    def _move(self, held: Point, end: Point) -> None:
        done = self._other.exec_driver_sql(
            "UPDATE replica SET seq = ?, mark = ? WHERE seq = ? AND mark = ?",
            (end.seq, end.mark, held.seq, held.mark),
        )
        if done.rowcount != 1:
            raise Fenced(f"{self._path}: somebody else wrote to it; nothing of theirs was touched")


def build(
    other: Connection,
    target: Path,
    open_target: Callable[[Path], Connection],
    progress: Callable[[int], None],
) -> None:
    """Make the working file `target` from another file, whole or not at all.

    Raises what `faults.DriverError` names.
    """
    other.exec_driver_sql("BEGIN IMMEDIATE")
    if changes.replica_point(other) is None:
        mark = other.exec_driver_sql("SELECT random()").scalar_one()
        changes.set_replica_point(other, Point(0, mark))
    empty_index(other)
    other.commit()
    temporary = target.with_name(f".{target.name}.part")
    temporary.unlink(missing_ok=True)
    temporary.touch(0o600)
    copy = open_target(temporary)
    try:
        raw(other).backup(
            raw(copy), pages=BATCH, progress=lambda _, left, total: progress(total - left)
        )
        point = changes.replica_point(copy)
        assert point is not None
        copy.rollback()
        copy.exec_driver_sql("BEGIN IMMEDIATE")
        changes.anchor(copy, point)
        copy.commit()
    finally:
        copy.close()
    for name in (target.name, f"{target.name}-wal", f"{target.name}-shm"):
        target.with_name(name).unlink(missing_ok=True)  # a log without its file is poison
    temporary.replace(target)


def _list(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _among(table: Logged) -> str:
    """Whether a row's key is in the JSON array that is the one parameter."""
    values = ", ".join(f"value ->> {place}" for place in range(len(table.key)))
    return f"({_list(table.key)}) IN (SELECT {values} FROM json_each(?))"
