"""Where a NAS is mounted is judged by the applier, which says what is wrong with it."""

from pathlib import Path

from storage.inbox import Inbox
from storage.opening import Place, opened
from storage.store import Store
from tests.rigs.nas import mounted
from tests.unit.storage.test_spool import until
from tests.unit.storage.values import event


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
