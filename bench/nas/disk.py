"""What local-first adds to a turn, and what a group of writes in one commit gains, on this disk.

A turn's two commits (the event; turn, answer and end of the event) are timed on a plain local file,
on a working file that is copied beside, and on one whose applier hangs. The three take turns, so
that whatever else the machine does meets all of them.
"""

import asyncio
import os
import signal
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.row import Figures
from storage.courier import ChildCourier
from storage.database import Database
from storage.inbox import Inbox
from storage.records import Body
from storage.spool import PACE, Spool
from storage.turns import Turns
from tests.unit.storage.values import destination, event, turn

TURNS = 300
WARM_UP = 20
SESSIONS = 50
EACH = 10


async def measure() -> Figures:
    """Milliseconds of a turn's commits; how many times the rate of single commits a group has."""
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as directory:
        here = Path(directory)
        async with (
            Database(here / "local.db") as local,
            ChildCourier(here / "one.db", here / "nas-one.db", PACE.silence_s) as one,
            Spool.open(one) as copied,
            ChildCourier(here / "two.db", here / "nas-two.db", PACE.silence_s) as two,
            Spool.open(two) as hanging,
        ):
            assert two.pid
            os.kill(two.pid, signal.SIGSTOP)
            figures = await _turns(
                {
                    "local": local,
                    "local-first": copied.database,
                    "local-first, NAS hangs": hanging.database,
                }
            )
            group = await grouped(local, EACH)
            os.kill(two.pid, signal.SIGCONT)
    return figures | {"group over single commits": group.ratio}


async def _turns(databases: dict[str, Database]) -> Figures:
    took: dict[str, list[float]] = {name: [] for name in databases}
    for number in range(WARM_UP + TURNS):
        for name, database in databases.items():
            began = time.perf_counter()
            await _turn(database, f"t{number}")
            took[name].append((time.perf_counter() - began) * 1e3)
    median = {name: statistics.median(times[WARM_UP:]) for name, times in took.items()}
    base = median.pop("local")
    return {"two commits, ms": base} | {
        f"{name}, adds ms": value - base for name, value in median.items()
    }


async def _turn(database: Database, name: str) -> None:
    (row,) = (await Inbox(database).record([event(name)])).new
    await Turns(database).commit(turn(name, "hi"), destination(), [Body(0, "yes")], [row.id])


@dataclass(frozen=True, slots=True)
class Grouped:
    """Events a second: of sessions one after another, and of all of them at once."""

    alone: float
    together: float

    @property
    def ratio(self) -> float:
        return self.together / self.alone


async def grouped(database: Database, each: int) -> Grouped:
    """Every session's events, one commit after another; then as they come together."""
    inbox = Inbox(database)

    async def say(session: str, count: int) -> None:
        for number in range(count):
            await inbox.record([event(f"{session}-{number}")])

    began = time.perf_counter()
    for session in range(SESSIONS):
        await say(f"alone-{began}-{session}", max(each // 4, 1))
    alone_s = time.perf_counter() - began
    began = time.perf_counter()
    await asyncio.gather(*(say(f"together-{began}-{n}", each) for n in range(SESSIONS)))
    together_s = time.perf_counter() - began
    return Grouped(SESSIONS * max(each // 4, 1) / alone_s, SESSIONS * each / together_s)
