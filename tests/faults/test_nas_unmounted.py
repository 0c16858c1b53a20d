"""A database that was on a NAS which is not mounted now: no second one begins behind its mount
point."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from storage.filesystem import verdict_of
from storage.inbox import Inbox
from storage.opening import Place, Sharing, leasing, opened
from storage.records import Unavailable
from tests.rigs.nas import mounted
from tests.unit.storage.test_shared_files import restore
from tests.unit.storage.values import event


@pytest.mark.parametrize("how", ["direct", "shared", "working file lost"])
async def test_it_is_refused_until_the_risk_is_taken(tmp_path: Path, how: str) -> None:
    path, working = tmp_path / "nas" / "parley.db", tmp_path / "here" / "parley.working.db"
    place = Place(path, working, "direct" if how == "direct" else "auto")
    if how == "shared":
        place = replace(place, sharing=Sharing(30, "one"))
    with mounted(tmp_path / "nas"):
        await write(place)
    if how == "working file lost":
        working.unlink()
    with pytest.raises(Unavailable, match=r"it was on nas:/volume .* mount nas:/volume on") as met:
        await write(place)
    assert list(path.parent.iterdir()) == []
    with pytest.raises(Unavailable, match="it was on nas:/volume"):
        await restore(place, tmp_path / "backup.db")
    words = str(met.value).rpartition("accept_risk = ")[2].strip('"')
    await write(replace(place, accept_risk=words))
    assert replace(place, accept_risk=words).risk == words
    note = str(met.value).rpartition("delete ")[2].partition(". To take")[0]
    await asyncio.to_thread(Path(note).unlink)
    assert place.verdict == verdict_of(path)
    other = replace(place, path=tmp_path / "disk" / "parley.db", sharing=None)
    assert other.verdict == verdict_of(other.path)


async def write(place: Place) -> None:
    with leasing(place) as lease:
        async with opened(place, lease=lease) as store:
            await Inbox(store.database).record([event("one")])
