"""What encryption costs: the two commits of a turn, its window, a search; as ratios.

A file with a key and one without take turns, so that whatever else the machine does meets both.

    python -m bench.encryption
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from storage.database import Database
from storage.inbox import Inbox
from storage.key import Key
from storage.query import parse
from storage.records import Body
from storage.search import Search
from storage.turns import Turns
from tests.unit.storage.values import destination, event, turn

TURNS = 1000
WARM_UP = 50
SEARCHES = 200
QUESTION = "how much bread does a house need for a week with guests " * 8
KEY = Key("1f" * 32)

Work = Callable[[Database, int], Awaitable[object]]


async def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as directory:
        here = Path(directory)

        async with (
            Database(here / "readable.db") as readable,
            Database(here / "encrypted.db", key=KEY) as encrypted,
        ):
            pair = (readable, encrypted)
            await _alternate("the two commits of a turn", pair, _turn, TURNS)
            await _alternate("reading a window of ten turns", pair, _window, TURNS)
            await _alternate("a search in all of them", pair, _search, SEARCHES)


async def _alternate(what: str, pair: tuple[Database, Database], work: Work, times: int) -> None:
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(WARM_UP + times):
        for database, ms in zip(pair, took, strict=True):
            ms.append(await _timed(work(database, number)))
    _print(what, (took[0][WARM_UP:], took[1][WARM_UP:]))


async def _timed(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return (time.perf_counter() - began) * 1e3


async def _turn(database: Database, number: int) -> None:
    name = f"t{number}"
    (row,) = (await Inbox(database).record([event(name, payload=QUESTION)])).new
    said = turn(name, QUESTION, answer=QUESTION * 2)
    await Turns(database).commit(said, destination(), [Body(0, "yes")], [row.id])


async def _window(database: Database, _number: int) -> None:
    assert len(await Turns(database).recent("s-ann", 10)) == 10


async def _search(database: Database, _number: int) -> None:
    assert await Search(database).find(parse("bread guests"), 10)


def _print(what: str, took: tuple[list[float], list[float]]) -> None:
    readable, encrypted = map(statistics.median, took)
    ratio = encrypted / readable
    print(f"{what}: {readable:.2f} ms readable, {encrypted:.2f} ms encrypted, {ratio:.2f} x")


if __name__ == "__main__":
    asyncio.run(main())
