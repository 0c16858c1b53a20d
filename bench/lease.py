"""What a lease costs a commit: `python -m bench.lease DIRECTORY`.

The same rows go, in turns, into two files that are written alike, one of them under a lease.
"""

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from storage.database import Database
from storage.inbox import Inbox
from storage.lease import Lease
from storage.pragmas import DIRECT
from storage.records import Event
from storage.tenure import Terms

COMMITS = 500


async def measure(directory: Path) -> str:
    """Medians of a commit without a lease and with one, in ms."""
    lease = Lease(Terms("bench", 60, automatic=True), "bench")
    async with (
        Database(directory / "alone.db", pragmas=DIRECT) as alone,
        Database(directory / "shared.db", pragmas=DIRECT, custody=lease) as shared,
    ):
        times: dict[Database, list[float]] = {alone: [], shared: []}
        for number in range(COMMITS):
            for database, taken in times.items():
                event = Event("page", "bot", f"e{number}", "message", "s", "ann", "x" * 1000)
                began = perf_counter()
                await Inbox(database).record([event])
                taken.append(perf_counter() - began)
    without, under = (statistics.median(taken) * 1000 for taken in times.values())
    return f"commit, median of {COMMITS}: {without:.2f} ms alone, {under:.2f} ms under a lease"


def main() -> None:
    parent = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=parent) as directory:
        print(asyncio.run(measure(Path(directory))))


if __name__ == "__main__":
    main()
