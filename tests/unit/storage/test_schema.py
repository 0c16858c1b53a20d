"""A fresh file, an upgraded one and the program's own idea of the tables are the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from storage import migrations, schema
from storage.connection import Connector, snapshot
from storage.database import Database
from storage.driver import driver
from storage.pragmas import LOCAL
from storage.records import Corrupt, StorageError
from storage.tables import metadata


def _built(path: Path, build: Callable[[Connection], None]) -> Connection:
    path.touch()
    connection = Connector(path, LOCAL).open()
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    build(connection)
    connection.commit()
    return connection


def _shape(connection: Connection) -> set[tuple[str, str, str]]:
    rows = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master")
    return {(kind, name, "".join((sql or "").split())) for kind, name, sql in rows}


def test_head_is_the_newest_migration() -> None:
    assert migrations.revisions()[0] == schema.HEAD


def test_migrations_make_the_same_tables_as_a_fresh_start(tmp_path: Path) -> None:
    fresh = _built(tmp_path / "fresh.db", schema.create)
    upgraded = _built(tmp_path / "upgraded.db", migrations.upgrade)
    assert _shape(fresh) == _shape(upgraded)
    for connection in (fresh, upgraded):
        assert schema.revision(connection) == schema.HEAD
        application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        assert application == schema.APPLICATION_ID
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        connection.rollback()
        connection.close()


def _edit(path: Path, *statements: str) -> None:
    connection = driver.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


async def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with Database(path):
        pass
    _edit(path, "UPDATE alembic_version SET version_num = '9999'", "CREATE TABLE newer (x)")
    with pytest.raises(Corrupt, match=r"made by a newer Parley \(revision 9999\); upgrade"):
        await Database(path).__aenter__()
    connection = Connector(path, LOCAL).open(read_only=True)
    with snapshot(connection):
        assert schema.revision(connection) == "9999"
    connection.close()


async def test_a_failed_upgrade_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    _edit(
        path,
        f"PRAGMA application_id = {schema.APPLICATION_ID}",
        "CREATE TABLE turn (in_the_way TEXT)",
        "INSERT INTO turn VALUES ('kept')",
    )
    with pytest.raises(StorageError, match="refused a statement"):
        await Database(path).__aenter__()
    connection = driver.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("turn",)]
    assert connection.execute("SELECT * FROM turn").fetchall() == [("kept",)]
    connection.close()


async def test_an_empty_file_is_made_a_database(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    async with Database(path) as db:
        assert await db.read(schema.revision) == schema.HEAD
