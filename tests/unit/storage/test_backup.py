"""A copy is made beside the running database, checked before it gets its name, and usable."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from storage.attendant import environment
from storage.audit import Audit
from storage.backup import Copies, check, sweep
from storage.database import Database
from storage.driver import driver
from storage.inbox import Inbox
from storage.porter import CHUNK
from storage.records import AuditEntry, Corrupt, Unavailable
from storage.schema import HEAD
from tests.unit.storage.values import KEY, event


@pytest.fixture
async def copies(db: Database, tmp_path: Path) -> Copies:
    audit = Audit(db, KEY)
    await audit.add(AuditEntry("boss", "test"))
    return Copies(db, audit, tmp_path / "scratch")


def left(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.iterdir())


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


async def test_a_copy_is_made_while_writes_go_on(
    db: Database, copies: Copies, tmp_path: Path
) -> None:
    inbox = Inbox(db)
    await inbox.record([event(str(number), payload="x" * 5000) for number in range(1000)])
    steps: list[tuple[int, int]] = []

    def report(done: int, total: int) -> None:
        steps.append((done, total))

    target = tmp_path / "copy.db"
    copying = asyncio.create_task(copies.give(target, report))
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
    copies: Copies, tmp_path: Path
) -> None:
    target = tmp_path / "copies" / "copy.db"
    target.parent.mkdir()
    target.write_text("an older copy")
    await copies.give(target)
    async with Database(target) as copy:
        assert await copy.writable()
    assert left(target.parent) == ["copy.db", "copy.db.lock"]
    assert left(copies.scratch) == []


async def test_a_copy_onto_the_database_itself_is_refused(db: Database, copies: Copies) -> None:
    with pytest.raises(Unavailable, match="it is the database itself"):
        await copies.give(db.path)
    assert await db.writable()


async def test_a_place_that_is_no_directory_is_named(copies: Copies, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match=r"file: it can't be read or written \(File exists"):
        await copies.give(tmp_path / "file" / "copy.db")
    assert left(copies.scratch) == []


def test_only_what_is_left_of_copies_is_swept(tmp_path: Path) -> None:
    ours = [".parley.db.1.copy", ".parley.db.1.copy-journal", "..parley.db.1.copy.rekey"]
    ours += [".parley.db.restored", ".parley.db.restored-journal", "..parley.db.restored.part"]
    ours += [".parley.db.moving", ".parley.db.moving-journal"]
    others = [
        "parley.db",
        "parley.db.restored",
        ".parley.db-1.copy",
        ".other.db.1.copy",
        "my.parley.db.1.copy",
    ]
    for name in (*ours, *others):
        (tmp_path / name).touch()
    sweep(tmp_path, "parley.db")
    assert left(tmp_path) == sorted(others)


def test_a_copy_that_nobody_waits_for_any_more_is_taken_back(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "nas" / "copy.db"
    os.mkfifo(source)
    request = {"do": "put", "source": str(source), "target": str(target), "beside": ""}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "storage.porter"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"{}\n" + json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        with suppress(BrokenPipeError), source.open("wb", buffering=0) as coming:
            coming.write(bytes(CHUNK))
            assert json.loads(process.stdout.readline()) == {"progress": 0}
            assert json.loads(process.stdout.readline())["progress"] > 0
            assert left(target.parent) == [".copy.db.part"]
            process.stdin.close()
            for _ in range(16):
                coming.write(bytes(CHUNK))
        process.wait(60)
    assert left(target.parent) == []


async def test_a_tampered_audit_is_not_copied(db: Database, copies: Copies, tmp_path: Path) -> None:
    await db.write(lambda connection: connection.exec_driver_sql("UPDATE audit SET actor = 'me'"))
    with pytest.raises(Corrupt, match="row 1 is not what was written"):
        await copies.give(tmp_path / "copy.db")
    assert "copy.db" not in left(tmp_path)
