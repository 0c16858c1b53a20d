"""The program that measures in the guest, where a real NFS server is (`tests/rigs/uml`).

`python -m bench.nas.guest groups`, `… turns`, `… search TURNS`. The guest has one processor,
whatever the machine has: times here are longer than outside, ratios and differences count.
"""

import asyncio
import json
import shutil
import statistics
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

from bench.nas.disk import grouped
from bench.overhead import Model
from bench.row import Figures
from bench.search import ROUNDS, Language, choose, p95, timed
from storage.database import Database
from storage.inbox import Inbox
from storage.pragmas import DIRECT
from tests.clients.page import Tab
from tests.clients.process import bot_process
from tests.rigs.uml.nas import EXPORT, OUTCOME, OWN, Nas, do
from tests.unit.storage.values import event

EACH = 8
ASKED, WARM_UP = 60, 5
WAYS = ("local", "local-first", "direct")


async def groups(nas: Nas) -> Figures:
    """Messages a second on NFS 4.1 with a round trip of 1 ms."""
    share = nas.mount("4.1")
    nas.delay(1)
    async with Database(share / "groups.db", pragmas=DIRECT) as database:
        found = await grouped(database, EACH)
    return {
        "single commits, messages/s": found.alone,
        "50 sessions at once, messages/s": found.together,
        "group over single commits": found.ratio,
    }


async def turns(nas: Nas) -> Figures:
    """From a person's message to the request at the model, by where the database is."""
    share = nas.mount("4.1")
    model = Model()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(model.serving())
        tabs = {
            way: await stack.enter_async_context(
                _asking(way, share if way != "local" else OWN, url)
            )
            for way in WAYS
        }
        nas.delay(5)
        commit_ms = await _commit(share)
        took: dict[str, list[float]] = {way: [] for way in WAYS}
        for number in range(WARM_UP + ASKED):
            for way, tab in tabs.items():
                took[way].append(await _way_in(model, tab, f"{way}-{number}"))
        nas.delay(0)
    median = {way: statistics.median(times[WARM_UP:]) * 1e3 for way, times in took.items()}
    direct = median["direct"] - median["local"]
    return {
        "local, ms": median["local"],
        "local-first, adds ms": median["local-first"] - median["local"],
        "direct, adds ms": direct,
        "one commit on the NAS, ms": commit_ms,
        "direct, adds commits": direct / commit_ms,
    }


async def search(nas: Nas, turns: int) -> Figures:
    """Searches in the file that the host left, on NFS 4.1 with a round trip of 1 ms."""
    shutil.copyfile(OUTCOME.with_name("search.db"), EXPORT / "search.db")
    async with Database(EXPORT / "search.db") as database:
        queries = await choose(database, Language(Random(2)), turns)
    do("sync; echo 3 > /proc/sys/vm/drop_caches")
    share = nas.mount("4.1")
    nas.delay(1)
    async with Database(share / "search.db", pragmas=DIRECT) as database:
        first = await timed(database, queries)
        again = await timed(database, queries * (ROUNDS - 1))
    return {
        "NFS +1 ms, p50 ms": statistics.median(again) * 1e3,
        "NFS +1 ms, p95 ms": p95(again) * 1e3,
        "NFS +1 ms, p95 ms of the first time": p95(first) * 1e3,
    }


@asynccontextmanager
async def _asking(way: str, place: Path, url: str) -> AsyncGenerator[Tab]:
    """A person at the page of a bot whose database is at `place`."""
    home = OWN / way
    home.mkdir()
    settings = {
        "engine__kind": "remote",
        "engine__model": "echo",
        "engine__base_url": url,
        "web__port": "0",
        "storage__path": str(place / f"{way}.db"),
        "storage__mode": way,
        "storage__local_dir": str(home),
    }
    async with bot_process(home, **settings) as bot:
        tab = Tab(bot.link, "ann")
        await tab.join()
        async with asyncio.TaskGroup() as tasks:
            staying = tasks.create_task(tab.stay())
            await tab.until(lambda: tab.rooms, 60)
            yield tab
            staying.cancel()


async def _way_in(model: Model, tab: Tab, mark: str) -> float:
    """The seconds from a message to its request; returns when the answer is posted."""
    answers = len(tab.shown(tab.direct))
    began = time.perf_counter()
    await tab.say(tab.direct, f"question {mark}")
    await tab.until(lambda: len(tab.shown(tab.direct)) > answers, 60)
    return model.asked_at[mark] - began


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
        case "turns":
            return await turns(nas)
        case _:
            return await search(nas, int(arguments[0]))


if __name__ == "__main__":
    OUTCOME.write_text(json.dumps(asyncio.run(main(*sys.argv[1:])), indent=1), "utf-8")
