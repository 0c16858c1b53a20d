"""Where a NAS is mounted is judged by the applier, which says what is wrong with it."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from storage.condition import Condition
from storage.courier import ChildCourier
from storage.inbox import Inbox
from storage.opening import Place, opened
from storage.records import Full, StorageError
from storage.spool import Pace, Spool
from storage.store import Store
from tests.faults.test_spool import rows
from tests.rigs.nas import mounted
from tests.unit.storage.values import event

LONG = bool(os.environ.get("PARLEY_LONG_FAULTS"))
EAGER = Pace(pause_s=0.01, silence_s=5, first_retry_s=0.05, longest_retry_s=0.1)
PATIENCE_S = 60.0


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await reached():
            await asyncio.sleep(0.02)


async def _copied(store: Store) -> bool:
    return await store.condition() == Condition("copying")


async def _degraded(store: Store) -> bool:
    return (await store.condition()).state == "degraded"


async def test_a_nas_that_is_not_mounted_any_more_is_waited_for(tmp_path: Path) -> None:
    place = Place(tmp_path / "nas" / "parley" / "a.db", tmp_path / "here" / "working.db")
    with mounted(tmp_path / "nas"):
        async with opened(place) as store:
            await Inbox(store.database).record([event("1")])
    async with opened(place) as store:
        await Inbox(store.database).record([event("2")])
        await until(lambda: _degraded(store))
        condition = await store.condition()
        assert "not on a NAS; mount the NAS there" in condition.reason
        assert condition.waiting
    assert list((tmp_path / "nas").iterdir()) == []


async def test_a_log_that_lies_beside_the_file_is_refused(tmp_path: Path) -> None:
    with mounted(tmp_path / "nas") as nas:
        place = Place(nas.mount / "a.db", tmp_path / "here" / "working.db")
        async with opened(place) as store:
            await Inbox(store.database).record([event("1")])
        nas.put("/a.db-wal", b"left by another program")
        async with opened(place) as store:
            await until(lambda: _degraded(store))
            assert "a write-ahead log lies beside" in (await store.condition()).reason


async def test_a_full_share_is_called_so(tmp_path: Path) -> None:
    """Though SQLite is told at the sync only, and says that some input or output failed."""
    with mounted(tmp_path / "nas") as nas:
        copied = Place(nas.mount / "a.db", tmp_path / "here" / "working.db")
        direct = Place(nas.mount / "b.db", tmp_path / "there" / "working.db", "direct")
        for place, error in ((copied, "ENOSPC"), (direct, "EDQUOT")):
            async with opened(place) as store:
                nas.fill(error, late=True)
                await _fill(store)
                await until(lambda store=store: _calls_it_full(store))
                nas.mend()
                await until(lambda store=store: _takes_writes(store))


async def _fill(store: Store) -> None:
    """Write more than is there."""
    with suppress(StorageError):
        await Inbox(store.database).record([event("1", payload="x" * 100_000)])


async def _calls_it_full(store: Store) -> bool:
    """Where it is copied by its condition, and else by what a write meets."""
    condition = await store.condition()
    if condition.state != "local":
        return "the share is full" in condition.reason
    try:
        await Inbox(store.database).record([event("2", payload="x" * 100_000)])
    except Full as error:
        return "the share is full" in str(error)
    except StorageError:  # who looks whether it is full was too slow
        return False
    return False


async def _takes_writes(store: Store) -> bool:
    with suppress(StorageError):
        return await store.database.writable() and (await store.condition()).state != "degraded"
    return False


_CLOSE = """
import asyncio, os, sys
from pathlib import Path
from storage.database import Database

async def main():
    async with Database(Path(sys.argv[1])) as db:
        await db.writable()
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
    print("closed", flush=True)
    os._exit(0)

asyncio.run(main())
"""


async def test_closing_leaves_what_hangs(tmp_path: Path) -> None:
    """In a process of its own, for whoever holds the interpreter holds the test too."""
    with mounted(tmp_path / "nas") as nas:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _CLOSE, str(nas.mount / "a.db"), stdin=PIPE, stdout=PIPE
        )
        assert process.stdin
        assert process.stdout
        try:
            async with asyncio.timeout(2 * PATIENCE_S):
                assert await process.stdout.readline() == b"open\n"
                nas.hang()
                process.stdin.write(b"\n")
                while (said := await process.stdout.readline()) != b"closed\n":
                    assert b"the mount hangs; the database is left as it is" in said
        finally:
            nas.mend()
            await process.wait()


@pytest.mark.skipif(not LONG, reason="a long fault trial")
async def test_a_nas_too_slow_for_the_usual_patience_is_given_more(tmp_path: Path) -> None:
    pair = (tmp_path / "working.db", tmp_path / "nas" / "a.db")
    with mounted(tmp_path / "nas") as nas:
        async with ChildCourier(*pair, PATIENCE_S) as courier, Spool.open(courier, pace=EAGER):
            pass
        nas.delay(0.4, ["fsync"])
        async with (
            ChildCourier(*pair, silence_s=0.5) as courier,
            Spool.open(courier, pace=EAGER) as spool,
        ):
            await Inbox(spool.database).record([event("1")])
            await until(lambda: _degraded(spool))
            await until(lambda: _copied(spool))
        assert rows(nas.save(tmp_path / "left") / "a.db") == rows(pair[0])
