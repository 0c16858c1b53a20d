"""What the database keeps through kill -9, a full disk and damage.

Run as a program (`python -m tests.faults.test_storage`), it is the process that the faults hit.
"""

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.backup import check
from storage.database import Database
from storage.inbox import Inbox
from storage.outbox import Outbox
from storage.records import Body, Corrupt, Full
from storage.turns import Turns
from tests.unit.storage.values import destination, event, turn

KILLS = 12


async def _serve(path: Path, start: int, count: int) -> None:
    """Answer events from four people at once; each step is printed once it is acknowledged."""
    async with Database(path) as db:
        inbox, turns = Inbox(db), Turns(db)

        async def answer(person: int) -> None:
            for number in range(start, start + count):
                name = f"{person}-{number}"
                cursor = ("page", str(person), str(number))
                (row,) = (await inbox.record([event(name)], cursor)).new
                print("recorded", name, flush=True)
                value = turn(name, "hi", session=str(person))
                await turns.commit(value, destination(), [Body(0, "yes")], [row.id])
                print("answered", name, flush=True)

        await asyncio.gather(*(answer(person) for person in range(4)))


def _program(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "tests.faults.test_storage", *map(str, arguments)]


def _run_and_kill(path: Path, start: int, lines: int) -> list[list[str]]:
    """What a serving process acknowledged, killed once `lines` of it were read."""
    with subprocess.Popen(
        _program("serve", path, start, 100_000), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        said += process.stdout.readlines()
    return [line.split() for line in said if line.endswith("\n")]


async def test_what_was_acknowledged_outlives_kill_9(tmp_path: Path) -> None:
    path, rng = tmp_path / "a.db", random.Random(20260101)
    recorded: set[str] = set()
    answered: set[str] = set()
    for kill in range(KILLS):
        lines = rng.randrange(1, 400)
        for what, name in await asyncio.to_thread(_run_and_kill, path, kill * 100_000, lines):
            (recorded if what == "recorded" else answered).add(name)
        async with Database(path) as db:
            await _assert_kept(db, recorded, answered)


async def _assert_kept(db: Database, recorded: set[str], answered: set[str]) -> None:
    assert (await check(db)).problems == ()
    inbox, outbox, turns = Inbox(db), Outbox(db), Turns(db)
    for name in recorded:
        found = await inbox.find("page", "bot", name)
        assert found is not None
        value = await turns.get(name)
        assert (value is not None) == (found[1] is not None)
        assert len(await outbox.parts(name)) == (value is not None)
        cursor = await inbox.cursor("page", name.partition("-")[0])
        assert int(cursor or -1) >= int(name.partition("-")[2])
    for name in answered:
        assert await turns.get(name) is not None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "parley-test", str(disk)]
    mounted = subprocess.run(mount, check=False, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


async def test_a_full_disk_loses_nothing_and_heals_by_itself(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (1 << 20))
    async with Database(small_disk / "a.db") as db:
        inbox = Inbox(db)
        kept = 0
        with pytest.raises(Full, match=r"a\.db: no space is left"):  # noqa: PT012
            while True:
                events = [event(str(kept), payload="x" * 10_000)]
                await inbox.record(events, ("page", "bot", str(kept)))
                kept += 1
        assert kept > 10
        assert len(await inbox.pending()) == kept
        assert await inbox.cursor("page", "bot") == str(kept - 1)
        with pytest.raises(Full):
            await inbox.record([event("large", payload="x" * (4 << 20))])
        ballast.unlink()
        assert await db.writable()
        recorded = await inbox.record([event(str(kept), payload="x" * 10_000)])
        assert [row.event.event_id for row in recorded.new] == [str(kept)]
        assert (await check(db)).problems == ()


async def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with Database(path) as db:
        await Inbox(db).record([event(str(number), payload="x" * 500) for number in range(500)])
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + random.Random(1).randbytes(len(whole) - 4096))
    with pytest.raises(Corrupt, match=r"a\.db: it is damaged; check the disk"):
        async with Database(path) as db:
            await Inbox(db).pending()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", path, start, count]:
            asyncio.run(_serve(Path(path), int(start), int(count)))
        case unknown:
            raise SystemExit(f"no such part: {unknown}")
