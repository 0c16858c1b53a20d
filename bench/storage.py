"""What local-first adds to a turn, and what a group of writes in one commit gains, on this disk.

A turn's two commits (the event; turn, answer and end of the event) are timed on a plain local file,
on a working file that is copied beside, and on one whose applier hangs. The three take turns, so
that whatever else the machine does meets all of them.

    python -m bench.storage
"""

import asyncio
import os
import signal
import statistics
import tempfile
import time
from pathlib import Path

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


async def main() -> None:
    """Measure and print."""
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
            await _turns(
                {
                    "local": local,
                    "local-first": copied.database,
                    "local-first, NAS hangs": hanging.database,
                }
            )
            await _groups(local)
            os.kill(two.pid, signal.SIGCONT)


async def _turns(databases: dict[str, Database]) -> None:
    took: dict[str, list[float]] = {name: [] for name in databases}
    for number in range(WARM_UP + TURNS):
        for name, database in databases.items():
            began = time.perf_counter()
            await _turn(database, f"t{number}")
            took[name].append((time.perf_counter() - began) * 1e3)
    base = statistics.median(took["local"][WARM_UP:])
    for name, times in took.items():
        median = statistics.median(times[WARM_UP:])
        p95 = statistics.quantiles(times[WARM_UP:], n=20)[-1]
        print(f"{name}: median {median:.2f} ms, p95 {p95:.2f} ms, adds {median - base:+.2f} ms")


async def _turn(database: Database, name: str) -> None:
    (row,) = (await Inbox(database).record([event(name)])).new
    await Turns(database).commit(turn(name, "hi"), destination(), [Body(0, "yes")], [row.id])


async def _groups(database: Database) -> None:
    """Events of all sessions one after another, then as they come together."""
    inbox = Inbox(database)

    async def say(session: str) -> None:
        for number in range(EACH):
            await inbox.record([event(f"{session}-{number}")])

    began = time.perf_counter()
    for session in range(SESSIONS):
        await say(f"alone-{session}")
    alone_s = time.perf_counter() - began
    began = time.perf_counter()
    await asyncio.gather(*(say(f"together-{session}") for session in range(SESSIONS)))
    together_s = time.perf_counter() - began
    print(f"{SESSIONS} sessions at once: {alone_s / together_s:.1f} x as one after another")


if __name__ == "__main__":
    asyncio.run(main())
