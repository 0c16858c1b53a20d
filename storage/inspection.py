"""Looks for damage in a whole file: what SQLite finds, and references that lead nowhere."""

from sqlalchemy import Connection

MOST_PROBLEMS = 100


def problems(connection: Connection) -> list[str]:
    """What is wrong, in words; a large file takes a while."""
    query = f"PRAGMA integrity_check({MOST_PROBLEMS})"
    found = [str(row[0]) for row in connection.exec_driver_sql(query)]
    orphans = [
        f"a row of {row[0]} refers to a row of {row[2]} that is not there"
        for row in connection.exec_driver_sql("PRAGMA foreign_key_check")
    ]
    return ([] if found == ["ok"] else found) + orphans


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
    return pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one()
