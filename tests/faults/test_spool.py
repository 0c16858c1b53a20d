"""Local-first through kill -9 of the bot and of its applier, and a mount that hangs: nothing lost.

Run as a program (`python -m tests.faults.test_spool WORKING OTHER START`), it is the bot.
"""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import IO

import pytest

from storage.backup import check
from storage.courier import ChildCourier
from storage.custody import Logging
from storage.database import Database
from storage.driver import driver
from storage.inbox import Inbox
from storage.outbox import Outbox
from storage.records import Body
from storage.spool import Pace, Spool
from storage.tables import metadata
from storage.turns import Turns
from tests.unit.storage.values import destination, event, turn

LONG = bool(os.environ.get("PARLEY_LONG_FAULTS"))
KILLS = 100 if LONG else 2
HANG_S = 60.0
PACE = Pace(pause_s=0.02, silence_s=30, first_retry_s=0.05, longest_retry_s=0.2)
HANGING = Pace(pause_s=0.02, silence_s=10, first_retry_s=0.1, longest_retry_s=0.2)
STEPS = ("sent", "recorded", "answered")
OWN = {"change", "replica", "lease", "lease_term"}


async def _serve(working: Path, other: Path, start: int) -> None:
    """Answer events from four people; each step is printed once it is acknowledged."""
    async with (
        ChildCourier(working, other, PACE.silence_s) as courier,
        Spool.open(courier, pace=PACE) as spool,
    ):
        inbox, turns = Inbox(spool.database), Turns(spool.database)

        async def answer(person: int) -> None:
            for number in range(start, start + 100_000):
                name = f"{person}-{number}"
                print("sent", name, courier.pid, flush=True)
                (row,) = (await inbox.record([event(name)], ("page", str(person), name))).new
                print("recorded", name, courier.pid, flush=True)
                value = turn(name, "hi", session=str(person))
                await turns.commit(value, destination(), [Body(0, "yes")], [row.id])
                print("answered", name, courier.pid, flush=True)

        await asyncio.gather(*(answer(person) for person in range(4)))


def _lines(out: IO[str]) -> Iterator[list[str]]:
    for line in out:
        words = line.split()
        if line.endswith("\n") and words[0] in STEPS:
            yield words


def _run_and_kill(pair: tuple[Path, Path], start: int, rng: random.Random) -> list[list[str]]:
    """What a bot acknowledged: killed at a random point, in most runs after its applier."""
    program = [sys.executable, "-m", "tests.faults.test_spool", *map(str, pair), str(start)]
    applier_at, bot_at = sorted((rng.randrange(1, 600), rng.randrange(2, 900)))
    said: list[list[str]] = []
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = _lines(process.stdout)
        for count, line in enumerate(lines):
            said.append(line)
            if count == applier_at and line[2] != "None":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(line[2]), signal.SIGKILL)
            if count >= bot_at:
                break
        process.kill()
        said += lines
    return said


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = driver.connect(path)
    try:
        found = connection.execute("PRAGMA integrity_check").fetchall()
        assert [row[0] for row in found] == ["ok"]
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall())
            for name in metadata.tables.keys() - OWN
        }
    finally:
        connection.close()


@pytest.mark.timeout(1200)
async def test_nothing_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    pair, rng = (tmp_path / "working.db", tmp_path / "nas.db"), random.Random(20260505)
    said: dict[str, set[str]] = {step: set() for step in STEPS}
    for kill in range(KILLS):
        for what, name, _ in await asyncio.to_thread(_run_and_kill, pair, kill * 100_000, rng):
            said[what].add(name)
    async with ChildCourier(*pair, PACE.silence_s) as courier, Spool.open(courier, pace=PACE):
        pass
    assert rows(pair[0]) == rows(pair[1])
    async with Database(pair[0], custody=Logging()) as db:
        assert (await check(db)).problems == ()
        inbox, outbox, turns = Inbox(db), Outbox(db), Turns(db)
        for name in said["recorded"]:
            found = await inbox.find("page", "bot", name)
            assert found is not None
            value = await turns.get(name)
            assert (value is not None) == (found[1] is not None)
            assert len(await outbox.parts(name)) == (value is not None)
        for name in said["answered"]:
            assert await turns.get(name) is not None
        assert await turns.count() <= len(said["sent"])
    assert said["answered"]


@pytest.mark.skipif(not LONG, reason="a long fault trial; a short one is among the unit tests")
@pytest.mark.timeout(300)
async def test_a_hanging_mount_is_not_felt(tmp_path: Path) -> None:
    pair = (tmp_path / "working.db", tmp_path / "nas.db")
    async with (
        ChildCourier(*pair, HANGING.silence_s, start_s=20) as courier,
        Spool.open(courier, pace=HANGING) as spool,
    ):
        inbox = Inbox(spool.database)

        async def traffic(name: str, seconds: float, *, hang: bool) -> list[float]:
            took: list[float] = []
            until = perf_counter() + seconds
            while perf_counter() < until:
                if hang and courier.pid:  # every applier, also one that was started anew
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(courier.pid, signal.SIGSTOP)
                began = perf_counter()
                await inbox.record([event(f"{name}-{len(took)}")])
                took.append(perf_counter() - began)
                await asyncio.sleep(0.02)
            return took

        before = await traffic("before", 2, hang=False)
        during = await traffic("during", HANG_S, hang=True)
        condition = await spool.condition()
        assert condition.state == "degraded"
        assert condition.waiting >= len(during)
        async with asyncio.timeout(60):
            while (await spool.condition()).waiting:
                await asyncio.sleep(0.05)
        assert len(await inbox.pending()) == len(before) + len(during)
    assert rows(pair[0]) == rows(pair[1])
    p95 = [sorted(took)[int(len(took) * 0.95)] * 1e3 for took in (before, during)]
    print(f"{len(during)} writes while it hung for {HANG_S} s; p95 before and then: {p95} ms")


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
