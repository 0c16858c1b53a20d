"""One file, one owner, one writer: what commits together, in which order, and what fails alone."""

import asyncio
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from threading import Event

import pytest
from sqlalchemy import Connection

from storage.connection import snapshot
from storage.database import QUEUE_SIZE, Database
from storage.driver import driver
from storage.inbox import Inbox
from storage.records import Corrupt, Fenced, Full, StorageError, Unavailable
from storage.threads import left
from tests.unit.storage.values import event


def _note(connection: Connection, what: str) -> str:
    connection.exec_driver_sql("INSERT INTO note VALUES (?)", (what,))
    return what


def _create(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE note (what TEXT)")


def _notes(connection: Connection) -> list[str]:
    return [row[0] for row in connection.exec_driver_sql("SELECT what FROM note ORDER BY rowid")]


async def test_what_is_asked_for_at_once_is_committed_at_once_and_in_order(tmp_path: Path) -> None:
    commits: list[int] = []
    async with Database(tmp_path / "a.db", observe=lambda n, _: commits.append(n)) as db:
        await db.write(_create)
        names = [str(number) for number in range(100)]
        results = await asyncio.gather(
            *(db.write(lambda connection, name=name: _note(connection, name)) for name in names)
        )
        assert results == names
        assert await db.read(_notes) == names
    assert commits == [1, 100]


async def test_many_writers_share_commits(tmp_path: Path) -> None:
    commits: list[int] = []
    async with Database(tmp_path / "a.db", observe=lambda n, _: commits.append(n)) as db:
        inbox = Inbox(db)

        async def write(person: int) -> None:
            for number in range(20):
                await inbox.record([event(f"{person}-{number}")])

        await asyncio.gather(*(write(person) for person in range(20)))
        assert len(await inbox.pending()) == 400
    assert sum(commits) == 400
    assert len(commits) <= 100


async def test_who_fails_fails_alone(db: Database) -> None:
    def half(connection: Connection) -> None:
        _note(connection, "half")
        raise ValueError("changed my mind")

    def refused(connection: Connection) -> None:
        _note(connection, "refused")
        connection.exec_driver_sql("INSERT INTO nothing VALUES (1)")

    await db.write(_create)
    first, failed, second, broken = await asyncio.gather(
        db.write(lambda connection: _note(connection, "first")),
        db.write(half),
        db.write(lambda connection: _note(connection, "second")),
        db.write(refused),
        return_exceptions=True,
    )
    assert (first, second) == ("first", "second")
    assert isinstance(failed, ValueError)
    assert type(broken) is StorageError
    assert await db.read(_notes) == ["first", "second"]


async def test_a_write_outlives_the_wait_for_it(db: Database) -> None:
    await db.write(_create)
    waiting = asyncio.create_task(db.write(lambda connection: _note(connection, "kept")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await db.writable()
    assert await db.read(_notes) == ["kept"]


async def test_more_writes_than_the_queue_holds_wait_for_room_in_order(db: Database) -> None:
    await db.write(_create)
    names = [str(number) for number in range(2 * QUEUE_SIZE + 7)]
    await asyncio.gather(
        *(db.write(lambda connection, name=name: _note(connection, name)) for name in names)
    )
    assert await db.read(_notes) == names


async def test_closing_writes_what_is_queued(tmp_path: Path) -> None:
    async with Database(tmp_path / "a.db") as db:
        await db.write(_create)
        writing = asyncio.create_task(db.write(lambda connection: _note(connection, "last")))
        await asyncio.sleep(0)
    assert await writing == "last"
    async with Database(tmp_path / "a.db") as db:
        assert await db.read(_notes) == ["last"]


async def test_a_closed_database_says_so(tmp_path: Path) -> None:
    async with Database(tmp_path / "a.db") as db:
        pass
    with pytest.raises(Unavailable, match=r"a\.db: the database is closed"):
        await db.writable()
    with pytest.raises(Unavailable, match="closed"):
        await db.read(_notes)


async def test_a_reader_cannot_write(db: Database) -> None:
    await db.write(_create)
    with pytest.raises(Unavailable, match="read-only"):
        await db.read(lambda connection: _note(connection, "x"))


async def test_the_files_are_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "parley.db"
    async with Database(path) as db:
        assert await db.writable()
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(
        ("parley.db", "parley.db-wal", "parley.db-shm", "parley.db.lock"), 0o600
    )


async def test_the_log_is_synced_and_erased_text_overwritten(db: Database) -> None:
    def settings(connection: Connection) -> dict[str, object]:
        names = ("journal_mode", "synchronous", "secure_delete", "mmap_size", "foreign_keys")
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names}

    expected = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1}
    assert await db.write(settings) == expected | {"mmap_size": 0}


_OPEN = """
import asyncio, pathlib, sys
from storage.database import Database
asyncio.run(Database(pathlib.Path(sys.argv[1])).__aenter__())
"""


async def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with Database(path):
        refusal = f"{path}: another Parley owns it (process {os.getpid()})"
        with pytest.raises(Fenced, match=re.escape(refusal)):
            await Database(path).__aenter__()
        other = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", _OPEN, path], capture_output=True, text=True
        )
        assert other.returncode == 1
        assert f"Fenced: {refusal}" in other.stderr
    async with Database(path) as db:
        assert await db.writable()


async def test_an_opening_that_nobody_waits_for_gives_the_file_back(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    opening = asyncio.create_task(Database(path).__aenter__())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening

    while await asyncio.to_thread(left):
        pass
    async with Database(path) as db:
        assert await db.writable()


async def test_what_is_not_a_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, " * 1000)
    before = path.read_bytes()
    with pytest.raises(Corrupt, match=r"notes\.txt: it is not a database"):
        await Database(path).__aenter__()
    assert path.read_bytes() == before


async def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    other = driver.connect(path)
    other.execute("CREATE TABLE cursor (mine)")
    other.commit()
    other.close()
    with pytest.raises(Corrupt, match="another program's"):
        await Database(path).__aenter__()
    other = driver.connect(path)
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("cursor",)]
    other.close()


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Be somebody whom permissions bind."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def closed_directory() -> Iterator[Path]:
    directory = Path(mkdtemp())
    directory.chmod(0o555)
    yield directory
    directory.chmod(0o700)
    directory.rmdir()


@pytest.mark.usefixtures("unprivileged")
@pytest.mark.parametrize("name", ["a.db", "new/a.db"])
async def test_an_unwritable_directory_is_named(closed_directory: Path, name: str) -> None:
    with pytest.raises(Unavailable, match=r"a\.db: it can't be opened for writing \(Permission"):
        await Database(closed_directory / name).__aenter__()


async def test_a_directory_in_the_files_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"can't be opened for writing \(Is a directory\)"):
        await Database(tmp_path).__aenter__()


async def test_a_full_file_fails_its_commit_whole_and_then_recovers(db: Database) -> None:
    def allow_no_more_pages(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    inbox = Inbox(db)
    await db.write(allow_no_more_pages)
    small, large = event("small"), event("large", payload="x" * 100_000)
    results = await asyncio.gather(
        inbox.record([small]), inbox.record([large]), return_exceptions=True
    )
    assert [type(result) for result in results] == [Full, Full]
    assert "no space is left; free some" in str(results[0])
    assert await inbox.pending() == []
    recorded = await inbox.record([small, large])
    assert len(recorded.new) == 2
    assert recorded.repeated == ()


async def test_the_log_is_emptied_once_nobody_reads_it(db: Database) -> None:
    reading, read = Event(), Event()

    def long_read(connection: Connection) -> None:
        with snapshot(connection):
            _notes(connection)
            reading.set()
            read.wait()

    await db.write(_create)
    reader = asyncio.create_task(db.read(long_read))
    await asyncio.to_thread(reading.wait)
    await db.write(lambda connection: _note(connection, "newer"))
    assert not await db.checkpoint()
    assert await db.writable()
    read.set()
    await reader
    assert await db.checkpoint()
    assert db.path.with_name("parley.db-wal").stat().st_size == 0


async def test_errors_tell_nothing_that_a_person_wrote(db: Database) -> None:
    def wrong(connection: Connection) -> None:
        connection.exec_driver_sql(
            "INSERT INTO cursor VALUES (?, ?, ?)", ("secret", "secret", None)
        )

    with pytest.raises(StorageError) as caught:
        await db.write(wrong)
    assert "secret" not in str(caught.value)
    assert "secret" not in str(caught.value.__cause__)


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Another file, whose pages are noise."""
    path = tmp_path / "damaged.db"
    connection = driver.connect(path)
    connection.execute("CREATE TABLE note AS SELECT zeroblob(100000) AS what")
    connection.commit()
    connection.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\x55" * (len(whole) - 4096))
    return path


def _stumble(damaged: Path, times: int, met: list[Connection]) -> Callable[[Connection], str]:
    """A step that finds damage at first, and notes which connections it was given."""

    def step(connection: Connection) -> str:
        met.append(connection)
        if len(met) <= times:
            connection.exec_driver_sql("ATTACH ? AS damaged", (str(damaged),))
            connection.exec_driver_sql("SELECT sum(length(what)) FROM damaged.note").all()
        return "done"

    return step


@pytest.mark.parametrize("kind", ["write", "read"])
async def test_damage_is_believed_of_a_fresh_connection_only(
    db: Database, damaged: Path, kind: str
) -> None:
    ask = db.write if kind == "write" else db.read
    met: list[Connection] = []
    assert await ask(_stumble(damaged, 1, met)) == "done"
    assert met[0] is not met[1]
    met.clear()
    with pytest.raises(Corrupt):
        await ask(_stumble(damaged, 2, met))
    assert len(met) == 2
