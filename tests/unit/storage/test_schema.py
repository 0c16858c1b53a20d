"""A fresh file, an upgraded one and the program's own idea of the tables are the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from storage import index, migrations, schema
from storage.audit import Audit
from storage.connection import Connector, snapshot
from storage.database import Database
from storage.driver import driver
from storage.inbox import Inbox
from storage.members import Members
from storage.outbox import Outbox
from storage.page import Page
from storage.pragmas import LOCAL
from storage.records import AuditEntry, Corrupt, StorageError
from storage.roster import RosterStore
from storage.tables import metadata
from storage.turns import Turns
from tests.unit.storage.values import KEY


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


def _is_a_row(name: str | None, kind: str, parents: object) -> bool:
    """Not a table of the index, which no row of ours stands in."""
    return kind != "table" or not str(name).startswith(index.TABLE)


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
        context = MigrationContext.configure(connection, opts={"include_name": _is_a_row})
        assert compare_metadata(context, metadata) == []
        connection.rollback()
        connection.close()


OLD_ROWS = [
    "INSERT INTO session VALUES ('s', 1, 0, 5)",
    "INSERT INTO turn VALUES (1, 't1', 's', 1, 'ann', 'Ann', 'An answer.', 5, 0, '', '', '', '{}')",
    "INSERT INTO turn_message VALUES (1, 1, 0, 's', 'm1', 'A question.')",
    "INSERT INTO outbox VALUES"
    " (1, 't1', 0, 'page', 'bot', '{}', 's', 'ann', 'ready', 'An answer.', 1, NULL, 0, '', 5)",
    "INSERT INTO inbox VALUES"
    " (1, 'page', 'bot', 'e1', 'message', 's', 'ann', '{}', 'd', 5, 0, NULL, NULL)",
    "INSERT INTO member VALUES ('ann', 'page', 'Ann', 'en', 5, 5)",
]


async def test_what_the_first_revision_held_is_there_after_an_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = _built(path, lambda connection: migrations.upgrade(connection, "0001"))
    for statement in OLD_ROWS:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.commit()
    connection.close()
    async with Database(path) as db:
        assert await db.read(schema.revision) == schema.HEAD
        [turn] = await Turns(db).recent("s", 9)
        assert (turn.id, turn.answer, turn.messages[0].text) == ("t1", "An answer.", "A question.")
        [part] = await Outbox(db).undelivered()
        assert (part.body, part.ratable) == ("An answer.", False)
        [waiting] = await Inbox(db).pending()
        assert waiting.event.event_id == "e1"
        [(person, name, _)] = await Members(db).known()
        assert (person, name) == ("ann", "Ann")
        roster = RosterStore(db, Audit(db, KEY))
        assert (await roster.standing()).roles == {}
        await roster.commit([roster.giving("ann", "member", AuditEntry("boss", "role", "ann"))])
        assert (await roster.standing()).roles == {"ann": "member"}


async def test_answers_on_the_page_from_before_are_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = _built(path, lambda connection: migrations.upgrade(connection, "0012"))
    for place, (answer, ratable) in enumerate({"answer": 1, "told": 0}.items(), 1):
        connection.exec_driver_sql(
            f"INSERT INTO outbox VALUES ({place}, '{answer}', 0, 'web', 'page', '{{}}', 's', 'ann',"
            f" 'delivered', NULL, 1, '{answer}.0', 0, '', 5, {ratable})"
        )
        connection.exec_driver_sql(
            f"INSERT INTO page_post VALUES ({place}, '{answer}.0', 'r', '', 'Parley', 'Words.', 5,"
            f" {place}, '', 0, 0, '')"
        )
    connection.exec_driver_sql(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.commit()
    connection.close()
    async with Database(path) as db:
        posts = await Page(db).history("r", None, 9)
        assert [(post.id, post.ratable) for post in posts] == [
            ("answer.0", True),
            ("told.0", False),
        ]


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


async def test_an_upgrade_that_fails_midway_leaves_the_older_file_usable(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = _built(path, lambda connection: migrations.upgrade(connection, "0001"))
    for statement in OLD_ROWS:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.exec_driver_sql("CREATE TABLE audit_seal (in_the_way TEXT)")  # of step 0007
    connection.commit()
    before = _shape(connection)
    connection.close()
    with pytest.raises(StorageError, match="refused a statement"):
        await Database(path).__aenter__()
    connection = Connector(path, LOCAL).open()
    assert schema.revision(connection) == "0001"
    assert _shape(connection) == before
    assert connection.exec_driver_sql("SELECT answer FROM turn").scalar() == "An answer."
    connection.rollback()
    connection.exec_driver_sql("DROP TABLE audit_seal")
    connection.close()
    async with Database(path) as db:
        assert await db.read(schema.revision) == schema.HEAD
        assert await Turns(db).count() == 1


async def test_an_empty_file_is_made_a_database(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    async with Database(path) as db:
        assert await db.read(schema.revision) == schema.HEAD
