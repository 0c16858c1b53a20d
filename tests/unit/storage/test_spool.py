"""Local-first: everything reaches the NAS's file, whatever happens to it on the way."""

import asyncio
from pathlib import Path

from storage import changes
from storage.changes import Point
from storage.custody import Logging
from storage.database import Database
from storage.inbox import Inbox
from storage.members import Members
from storage.page import Page
from storage.page_records import PageRoom
from storage.tables import metadata
from storage.turns import Turns
from tests.unit.storage.spooling import (
    OWN,
    Pair,
    converse,
    copied,
    rows,
    until,
)
from tests.unit.storage.values import event, turn


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
