"""A copy is made beside the running database, checked before it gets its name, and usable."""

import asyncio
from pathlib import Path

import pytest

from storage.backup import backup, check
from storage.database import Database
from storage.driver import driver
from storage.inbox import Inbox
from storage.records import Unavailable
from storage.schema import HEAD
from tests.unit.storage.values import event


async def test_a_sound_database_has_no_problems(db: Database) -> None:
    result = await check(db)
    assert (result.problems, result.revision) == ((), HEAD)
    assert result.size_bytes > 0


async def test_a_broken_reference_is_named(db: Database) -> None:
    def orphan(path: Path) -> None:
        connection = driver.connect(path, isolation_level=None)
        connection.execute("INSERT INTO feedback VALUES (999, 'ann', 1, 0)")
        connection.close()

    await asyncio.to_thread(orphan, db.path)
    assert (await check(db)).problems == (
        "a row of feedback refers to a row of turn that is not there",
    )


async def test_a_copy_is_made_while_writes_go_on(db: Database, tmp_path: Path) -> None:
    inbox = Inbox(db)
    await inbox.record([event(str(number), payload="x" * 5000) for number in range(1000)])
    steps: list[tuple[int, int]] = []

    def report(done: int, total: int) -> None:
        steps.append((done, total))

    target = tmp_path / "copy.db"
    copying = asyncio.create_task(backup(db, target, report))
    number = 1000
    while not copying.done():
        number += 1
        await inbox.record([event(str(number))])
    await copying
    assert len(steps) > 1
    assert steps[-1][0] == steps[-1][1]
    assert target.stat().st_mode & 0o777 == 0o600
    async with Database(target) as copy:
        assert len(await Inbox(copy).pending()) >= 1000
        assert (await check(copy)).problems == ()
    assert len(await inbox.pending()) == number


async def test_an_older_copy_is_replaced_and_nothing_else_left(
    db: Database, tmp_path: Path
) -> None:
    target = tmp_path / "copies" / "copy.db"
    target.parent.mkdir()
    target.write_text("an older copy")
    await backup(db, target)
    async with Database(target) as copy:
        assert await copy.writable()
    assert sorted(file.name for file in target.parent.iterdir()) == ["copy.db", "copy.db.lock"]


async def test_a_copy_onto_the_database_itself_is_refused(db: Database) -> None:
    with pytest.raises(Unavailable, match="it is the database itself"):
        await backup(db, db.path)
    assert await db.writable()


async def test_a_missing_directory_is_named(db: Database, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"copy\.db: the copy can't be written \(No such file"):
        await backup(db, tmp_path / "missing" / "copy.db")
