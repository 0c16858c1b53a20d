"""Local-first: everything reaches the NAS's file, whatever happens to it on the way."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from storage import changes
from storage.applier import Applier
from storage.attendant import result
from storage.changes import Point
from storage.courier import ChildCourier
from storage.custody import Logging
from storage.database import Database
from storage.driver import driver
from storage.inbox import Inbox
from storage.members import Members
from storage.page import Page
from storage.page_records import PageRoom
from storage.query import parse
from storage.records import Body, Fenced, Unavailable
from storage.search import Search
from storage.spool import Pace, Spool
from storage.tables import metadata
from storage.turns import Turns
from tests.unit.storage.values import destination, event, turn

PATIENCE_S = 60.0
QUICK = Pace(0.01, silence_s=5, first_retry_s=0.05, longest_retry_s=0.05, last_copy_s=PATIENCE_S)
OWN = {"change", "replica", "lease", "lease_term"}


@dataclass(frozen=True, slots=True)
class Pair:
    """A working file, and the file on the NAS that it stands for."""

    working: Path
    other: Path

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Spool]:
        """With an applier in this process."""
        near = Near(self.working, self.other)
        try:
            async with Spool.open(near, pace=QUICK) as spool:
                yield spool
        finally:
            near.applier.close()

    @asynccontextmanager
    async def apart(self, silence_s: float) -> AsyncGenerator[tuple[Spool, ChildCourier]]:
        """With an applier in a process of its own."""
        async with (
            ChildCourier(self.working, self.other, silence_s) as courier,
            Spool.open(courier, pace=QUICK) as spool,
        ):
            yield spool, courier

    def elsewhere(self) -> "Pair":
        """The same file on the NAS, seen from another machine."""
        return Pair(self.working.with_name("elsewhere.db"), self.other)


class Near:
    """An applier without a process around it."""

    def __init__(self, working: Path, other: Path) -> None:
        self.working = working
        self.other = other
        self.applier = Applier(working, other)

    async def ask(self, do: str, **request: object) -> Mapping[str, Any]:
        return result(await asyncio.to_thread(self.applier.answer, {"do": do, **request}))


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    (tmp_path / "nas").mkdir()
    return Pair(tmp_path / "here" / "working.db", tmp_path / "nas" / "parley.db")


def rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that a closed file holds, but what is the file's own."""
    connection = driver.connect(path)
    try:
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall())
            for name in metadata.tables
            if name not in OWN
        }
    finally:
        connection.close()


async def until(reached: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await reached():
            await asyncio.sleep(0.01)


async def copied(spool: Spool) -> bool:
    condition = await spool.condition()
    return condition.state == "copying" and condition.waiting == 0


async def converse(db: Database, *names: str) -> None:
    inbox, turns = Inbox(db), Turns(db)
    for name in names:
        (row,) = (await inbox.record([event(name)], ("page", "bot", name))).new
        await turns.commit(turn(name, name), destination(), [Body(0, "yes")], [row.id])


async def test_every_kind_of_change_arrives(pair: Pair) -> None:
    async with pair.open() as spool:
        db = spool.database
        await converse(db, "1", "2", "3")
        await until(lambda: copied(spool))
        await converse(db, "4")
        await Turns(db).commit(turn("2", "2", answer="again"))
        await Turns(db).rate("1", "ann", 1)
        await Turns(db).remove_message("s-ann", "3-m1")
        await Page(db).add_room(PageRoom("r", "Room"))
        await Members(db).forget("ann")
        await converse(db, "5")
    assert rows(pair.other) == rows(pair.working)
    assert rows(pair.other)["inbox"]


async def test_no_byte_of_what_was_erased_is_left_on_either_side(pair: Pair) -> None:
    canary = "canary-c0de"

    def holders() -> list[str]:
        files = [*pair.working.parent.iterdir(), *pair.other.parent.iterdir()]
        return [file.name for file in files if canary.encode() in file.read_bytes()]

    async with pair.open() as spool:
        db = spool.database
        for number in range(9):  # the journal holds pages as they were before
            await Inbox(db).record([event(str(number), payload=canary * 99)])
            await Turns(db).commit(turn(str(number), canary * 999, answer=canary))
            await until(lambda: copied(spool))
        assert pair.other.name in holders()
        await Members(db).forget("ann")
        await until(lambda: copied(spool))
        await until(db.checkpoint)
        assert holders() == []


async def test_rows_with_exchanged_unique_values_arrive(pair: Pair) -> None:
    async with pair.open() as spool:
        await converse(spool.database, "1", "2")
        await until(lambda: copied(spool))
        for number, id_ in ((-1, "1"), (1, "2"), (2, "1")):
            await spool.database.write(
                lambda connection, values=(number, id_): (
                    connection.exec_driver_sql(
                        "UPDATE turn SET number = ? WHERE id = ?", values
                    ).rowcount
                )
            )
    assert rows(pair.other) == rows(pair.working)


async def test_a_large_backlog_arrives_as_one_state(pair: Pair) -> None:
    async with pair.open() as spool:
        for start in range(0, 1000, 100):
            await Inbox(spool.database).record([event(str(start + n)) for n in range(100)])
        await until(lambda: copied(spool))
    assert len(rows(pair.other)["inbox"]) == 1000


def test_every_table_can_be_logged(tmp_path: Path) -> None:
    async def names() -> set[str]:
        async with Database(tmp_path / "a.db", custody=Logging()) as db:
            return {table.name for table in await db.read(changes.tables)}

    assert asyncio.run(names()) == metadata.tables.keys() - OWN


async def test_writes_go_on_while_the_applier_hangs(pair: Pair) -> None:
    async with pair.apart(silence_s=8) as (spool, courier):
        await converse(spool.database, "1")
        await until(lambda: copied(spool))
        assert courier.pid
        os.kill(courier.pid, signal.SIGSTOP)
        await converse(spool.database, "2")
        await until(lambda: degraded(spool))
        condition = await spool.condition()
        assert condition.waiting > 0
        assert "does not answer" in condition.reason
        await until(lambda: copied(spool))
    assert rows(pair.other) == rows(pair.working)


async def degraded(spool: Spool) -> bool:
    return (await spool.condition()).state == "degraded"


async def test_a_killed_applier_is_replaced(pair: Pair) -> None:
    async with pair.apart(silence_s=20) as (spool, courier):
        for number in range(3):
            await converse(spool.database, str(number))
            await until(lambda: copied(spool))
            assert courier.pid
            os.kill(courier.pid, signal.SIGKILL)
        await until(lambda: copied(spool))
    assert rows(pair.other) == rows(pair.working)


async def test_rows_that_the_nas_lost_are_copied_again(pair: Pair) -> None:
    async with pair.open() as spool:
        await converse(spool.database, "1")
    before = pair.other.read_bytes()
    async with pair.open() as spool:
        await converse(spool.database, "2")
    pair.other.write_bytes(before)
    async with pair.open() as spool:
        await converse(spool.database, "3")
    assert rows(pair.other) == rows(pair.working)


async def test_a_file_put_in_its_place_meanwhile_is_followed(pair: Pair) -> None:
    """Somebody restores a copy while the bot runs: the applier has the old file open."""
    async with pair.open() as spool:
        await converse(spool.database, "1")
        await until(lambda: copied(spool))
        restored = pair.other.with_name("restored")
        restored.write_bytes(pair.other.read_bytes())
        await converse(spool.database, "2")
        await until(lambda: copied(spool))
        restored.replace(pair.other)
        await converse(spool.database, "3")
        await until(lambda: copied(spool))
    assert rows(pair.other) == rows(pair.working)


async def test_a_missing_working_file_is_made_from_the_nas(pair: Pair) -> None:
    async with pair.open() as spool:
        await converse(spool.database, "1", "2")
    there = pair.elsewhere()
    async with there.open() as spool:
        assert [t.id for t in await Turns(spool.database).recent("s-ann", 9)] == ["1", "2"]
        assert len(await Search(spool.database).find(parse("answer"), 9)) == 2
        await converse(spool.database, "3")
    assert rows(pair.other) == rows(there.working)


async def test_an_older_working_file_is_made_anew(pair: Pair) -> None:
    async with pair.open() as spool:
        await converse(spool.database, "1")
    async with pair.elsewhere().open() as spool:
        await converse(spool.database, "2")
    async with pair.open() as spool:
        assert [t.id for t in await Turns(spool.database).recent("s-ann", 9)] == ["1", "2"]


async def test_a_file_that_was_written_alone_is_made_anew_from(pair: Pair) -> None:
    async with pair.open() as spool:
        await converse(spool.database, "1")
    async with Database(pair.other) as db:
        await converse(db, "2")
    _leave_wal(pair.other)
    async with pair.open() as spool:
        assert [t.id for t in await Turns(spool.database).recent("s-ann", 9)] == ["1", "2"]


def _leave_wal(path: Path) -> None:
    connection = driver.connect(path)
    connection.execute("PRAGMA journal_mode = delete")
    connection.close()


async def test_files_that_went_different_ways_are_both_kept(pair: Pair) -> None:
    async with pair.open() as spool:
        await converse(spool.database, "1")
    async with pair.elsewhere().open() as spool:
        await converse(spool.database, "2")
    async with Database(pair.working, custody=Logging()) as db:
        await converse(db, "3")
    here, there = rows(pair.working), rows(pair.other)
    with pytest.raises(Fenced, match="both hold rows"):
        async with pair.open():
            pass
    assert (rows(pair.working), rows(pair.other)) == (here, there)


async def test_a_second_writer_is_noticed(pair: Pair) -> None:
    near = Near(pair.working, pair.other)
    async with Spool.open(near, pace=QUICK) as spool:
        await converse(spool.database, "1")
        await until(lambda: copied(spool))
        near.applier.close()
        async with pair.elsewhere().open() as other:
            await converse(other.database, "2")
        await converse(spool.database, "3")
        await until(lambda: refused(spool))
        assert "both hold rows" in (await spool.condition()).reason
    near.applier.close()


async def refused(spool: Spool) -> bool:
    return (await spool.condition()).state == "refused"


async def test_a_missing_mount_is_waited_for(pair: Pair) -> None:
    async with pair.open() as spool:
        await converse(spool.database, "1")
    mounted = pair.other.parent
    away = mounted.rename(mounted.with_name("away"))
    mounted.mkdir()
    async with pair.open() as spool:
        condition = await spool.condition()
        assert condition.state == "degraded"
        assert "is not there, but was" in condition.reason
        await converse(spool.database, "2")
        assert not pair.other.exists()
        for leftover in mounted.iterdir():
            leftover.unlink()
        mounted.rmdir()
        away.rename(mounted)
        await until(lambda: copied(spool))
    assert rows(pair.other) == rows(pair.working)


async def test_an_empty_file_in_its_place_is_filled(pair: Pair) -> None:
    async with pair.open() as spool:
        await converse(spool.database, "1")
    pair.other.unlink()
    pair.other.touch()
    async with pair.open() as spool:
        await until(lambda: copied(spool))
    assert rows(pair.other) == rows(pair.working)


async def test_nothing_starts_without_either_file(pair: Pair) -> None:
    pair.other.parent.rmdir()
    pair.other.parent.write_text("not a directory")
    with pytest.raises(Unavailable):
        async with pair.open():
            pass


async def test_two_bots_on_one_working_file_exclude_each_other(pair: Pair) -> None:
    async with pair.open():
        with pytest.raises(Fenced, match="another Parley owns it"):
            async with pair.open():
                pass


async def test_the_log_is_cut_behind_what_was_copied(tmp_path: Path) -> None:
    async with Database(tmp_path / "a.db", custody=Logging()) as db:
        await db.write(changes.start_over)
        for start in range(0, 5000, 1000):
            await Inbox(db).record([event(str(start + n)) for n in range(1000)])
        end = await db.read(changes.last)
        assert end
        await db.write(lambda connection: changes.note_copied(connection, end))
        assert (await db.read(changes.backlog)).rows == 0
        first = await db.read(lambda connection: changes.entries(connection, -1, 1))
        assert first[0][0].seq == end.seq - changes.KEPT
        assert await db.read(lambda connection: changes.holds(connection, end))
        assert not await db.read(lambda c: changes.holds(c, Point(end.seq, end.mark + 1)))
