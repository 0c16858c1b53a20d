"""Local-first: two files that differ. One is made from the other, or both are kept."""

from pathlib import Path

import pytest

from storage.custody import Logging
from storage.database import Database
from storage.driver import driver
from storage.query import parse
from storage.records import Fenced, Unavailable
from storage.search import Search
from storage.spool import Spool
from storage.turns import Turns
from tests.unit.storage.spooling import QUICK, Near, Pair, converse, copied, refused, rows, until


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


async def test_two_bots_on_one_working_file_exclude_each_other(pair: Pair) -> None:
    async with pair.open():
        with pytest.raises(Fenced, match="another Parley owns it"):
            async with pair.open():
                pass
