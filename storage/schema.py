"""Which revision a file has, and bringing it to the one this program needs.

An empty file gets the tables as they stand; an older one is upgraded by Alembic, which is slow to
import and therefore left alone when there is nothing to do. Either happens in one transaction.
"""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from storage import index
from storage.records import Corrupt

HEAD = "0013"
"""The revision this program needs: the newest in `migrations/versions`."""

APPLICATION_ID = 0x5052_4C59
"""Marks a file as Parley's in SQLite's header ("PRLY")."""


def _let(connection: Connection) -> None: ...


def prepare(connection: Connection, path: Path, admit: Callable[[Connection], None] = _let) -> None:
    """Create or upgrade the tables, if need be, in a transaction that `admit` lets begin.

    Raises `Corrupt` for another program's database and for one made by a newer Parley. Whatever
    is raised, the file stays as it was.
    """
    found = revision(connection)
    if found == HEAD:
        connection.rollback()
        return
    if found is None and _is_empty(connection):
        _change(connection, create, admit)
        return
    if _application_id(connection) != APPLICATION_ID:
        raise Corrupt(
            f"{path}: it is another program's SQLite database; name another file in storage.path"
        )
    _upgrade(connection, path, found, admit)


def revision(connection: Connection) -> str | None:
    """The file's revision; None when it has none."""
    query = "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
    if not connection.exec_driver_sql(query).scalar_one():
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def create(connection: Connection) -> None:
    """Make all tables as they stand at HEAD; a test holds them equal to what migrations make."""
    from storage.tables import metadata  # slow to import, and seldom needed

    metadata.create_all(connection, checkfirst=False)
    for statement in index.CREATE:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
        " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (HEAD,))
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def _upgrade(
    connection: Connection, path: Path, found: str | None, admit: Callable[[Connection], None]
) -> None:
    from storage import migrations

    if found is not None and found not in migrations.revisions():
        raise Corrupt(
            f"{path}: this database was made by a newer Parley (revision {found}); upgrade the"
            " program or restore a backup"
        )
    _change(connection, migrations.upgrade, admit)


def _change(
    connection: Connection,
    change: Callable[[Connection], None],
    admit: Callable[[Connection], None],
) -> None:
    """One transaction with references unchecked in between, for a table may be made anew in it."""
    connection.rollback()
    connection.exec_driver_sql("PRAGMA foreign_keys = off")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        admit(connection)
        change(connection)
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise Corrupt(f"the upgrade would leave references of table {broken[0]} broken")
        connection.commit()
    finally:
        connection.rollback()
        connection.exec_driver_sql("PRAGMA foreign_keys = on")
        connection.rollback()


def _is_empty(connection: Connection) -> bool:
    return not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()


def _application_id(connection: Connection) -> int:
    return connection.exec_driver_sql("PRAGMA application_id").scalar_one()
