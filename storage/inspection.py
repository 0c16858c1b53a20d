"""Looks for damage in a whole file: what SQLite finds, references that lead nowhere, the audit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from storage.records import Corrupt

MOST_PROBLEMS = 100


class Chained(Protocol):
    """Knows what is wrong with the audit in a file."""

    def faults(self, connection: Connection) -> Sequence[str]: ...


def problems(connection: Connection) -> list[str]:
    """What is wrong, in words; a large file takes a while."""
    query = f"PRAGMA integrity_check({MOST_PROBLEMS})"
    found = [str(row[0]) for row in connection.exec_driver_sql(query)]
    orphans = [
        f"a row of {row[0]} refers to a row of {row[2]} that is not there"
        for row in connection.exec_driver_sql("PRAGMA foreign_key_check")
    ]
    return ([] if found == ["ok"] else found) + orphans


def sound(connection: Connection, path: Path, audit: Chained) -> None:
    """Raises `Corrupt` for a file that has faults, or whose audit was tampered with."""
    found = [*problems(connection), *audit.faults(connection)]
    if found:
        raise Corrupt(f"{path}: it has faults ({found[0]}); check its disk, take another copy")


def counts(connection: Connection) -> dict[str, int]:
    """How many rows each table holds."""
    names = connection.exec_driver_sql(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
    ).scalars()
    return {
        name: connection.exec_driver_sql(f'SELECT count(*) FROM "{name}"').scalar_one()  # noqa: S608 - names of tables
        for name in list(names)
    }


def size_bytes(connection: Connection) -> int:
    """How large the file is."""
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    # With a key SQLCipher answers this one itself, as a text.
    return pages * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())
