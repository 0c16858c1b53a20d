"""The program that measures in the guest, where a real NFS server is (`tests/rigs/uml`).

`python -m bench.nas.guest groups`, `… way-in`, `… search TURNS`. The guest has one processor,
whatever the machine has: times here are longer than outside, ratios and differences count.
"""

import asyncio
import json
import shutil
import statistics
import sys
import time
from pathlib import Path
from random import Random

from bench.nas.disk import grouped
from bench.nas.way_in import Way, medians_ms
from bench.row import Figures
from bench.search import ROUNDS, Language, choose, p95, timed
from storage.database import Database
from storage.inbox import Inbox
from storage.pragmas import DIRECT
from tests.rigs.uml.nas import EXPORT, OUTCOME, OWN, Nas
from tests.unit.storage.values import event

EACH = 8


async def groups(nas: Nas) -> Figures:
    """Messages a second on NFS 4.1 with a round trip of 1 ms."""
    share = nas.client.mount("4.1")
    nas.client.delay(1)
    async with Database(share / "groups.db", pragmas=DIRECT) as database:
        found = await grouped(database, EACH)
    return {
        "single commits, messages/s": found.alone,
        "50 sessions at once, messages/s": found.together,
        "group over single commits": found.ratio,
    }


async def way_in(nas: Nas) -> Figures:
    """From a person's message to the request at the model, on NFS 4.1 with 5 ms."""
    share, commits_ms = nas.client.mount("4.1"), list[float]()

    def far() -> None:
        nas.client.delay(5)
        commits_ms.append(asyncio.run(_commit(share)))

    found = await medians_ms(
        [Way("local", OWN, OWN / "home-local"), Way("direct", share, OWN / "home-direct")], far
    )
    nas.client.delay(0)
    added = found["direct"] - found["local"]
    return {
        "NFS, one commit, ms": commits_ms[0],
        "NFS, direct, adds ms": added,
        "NFS, direct, adds commits": added / commits_ms[0],
    }


async def search(nas: Nas, turns: int) -> Figures:
    """Searches in the file that the host left, on NFS 4.1 with a round trip of 1 ms."""
    shutil.copyfile(OUTCOME.with_name("search.db"), EXPORT / "search.db")
    async with Database(EXPORT / "search.db") as database:
        queries = await choose(database, Language(Random(2)), turns)
    nas.do("sync; echo 3 > /proc/sys/vm/drop_caches")
    share = nas.client.mount("4.1")
    nas.client.delay(1)
    async with Database(share / "search.db", pragmas=DIRECT) as database:
        first = await timed(database, queries)
        again = await timed(database, queries * (ROUNDS - 1))
    return {
        "NFS +1 ms, p50 ms": statistics.median(again) * 1e3,
        "NFS +1 ms, p95 ms": p95(again) * 1e3,
        "NFS +1 ms, p95 ms of the first time": p95(first) * 1e3,
    }


async def _commit(share: Path) -> float:
    """The median of a single event's commit, in ms."""
    took: list[float] = []
    async with Database(share / "commit.db", pragmas=DIRECT) as database:
        for number in range(30):
            began = time.perf_counter()
            await Inbox(database).record([event(f"e{number}")])
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e3


async def main(row: str, *arguments: str) -> Figures:
    """Measure what is asked for."""
    nas = Nas()
    nas.serve_nfs()
    match row:
        case "groups":
            return await groups(nas)
        case "way-in":
            return await way_in(nas)
        case _:
            return await search(nas, int(arguments[0]))


if __name__ == "__main__":
    OUTCOME.write_text(json.dumps(asyncio.run(main(*sys.argv[1:])), indent=1), "utf-8")
