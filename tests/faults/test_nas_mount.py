"""Where a NAS is mounted is judged by the applier, which says what is wrong with it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from storage.condition import Condition
from storage.courier import ChildCourier
from storage.inbox import Inbox
from storage.opening import Place, opened
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
