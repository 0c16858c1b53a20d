"""A program that writes groups of rows, and prints of each whether it was acknowledged.

`python -m tests.faults.nas_writers direct DIRECTORY START` writes a database for each way in which
one on a network mount is opened, `… local-first WORKING OTHER START` a working file that is copied,
`… local PATH START` a database on a disk; with a COUNT at the end, so many groups. A group is one
commit of one to three events, all of them or none.
"""

import asyncio
import itertools
import sys
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path

from storage.courier import ChildCourier
from storage.database import Database
from storage.driver import driver
from storage.inbox import Inbox
from storage.pragmas import DIRECT, NETWORK, OTHER
from storage.records import StorageError
from storage.spool import Pace, Spool
from tests.unit.storage.values import event

WAYS = {"persist-exclusive": NETWORK, "truncate-full": DIRECT, "truncate-extra": OTHER}
PACE = Pace(pause_s=0.02, silence_s=10, first_retry_s=0.05, longest_retry_s=0.2)
LARGEST = 3000
REST_S = 0.002
LONG_REST_S = 0.02
"""So that what is copied again after a NAS lost it is never more than is kept for that."""


def group(name: str, number: int) -> list[str]:
    """The events of a group."""
    return [f"{name}-{number}-{part}" for part in range(number % 3 + 1)]


def found(path: Path) -> set[str]:
    """The events in a closed file, which has to be sound and to hold no half of a group."""
    connection = driver.connect(path)
    try:
        said = connection.execute("PRAGMA integrity_check").fetchall()
        assert [row[0] for row in said] == ["ok"]
        events = {str(row[0]) for row in connection.execute("SELECT event_id FROM inbox")}
    finally:
        connection.close()
    for each in events:
        name, number, _ = each.rsplit("-", 2)
        assert events.issuperset(group(name, int(number)))
    return events


async def _write(
    database: Database, name: str, numbers: Iterable[int], rest_s: float = REST_S
) -> None:
    inbox = Inbox(database)
    for number in numbers:
        payload = "x" * (number * 997 % LARGEST)
        events = [event(each, payload=payload) for each in group(name, number)]
        try:
            await inbox.record(events, ("page", name, str(number)))
        except StorageError as error:
            print("refused", name, number, type(error).__name__, flush=True)
        else:
            print("acknowledged", name, number, flush=True)
        await asyncio.sleep(rest_s)


async def _local(path: Path, numbers: Iterable[int]) -> None:
    async with Database(path) as database:
        await _write(database, "local", numbers)


async def _direct(directory: Path, numbers: Iterable[int]) -> None:
    async with AsyncExitStack() as stack:
        databases = {
            name: await stack.enter_async_context(
                Database(directory / name / "a.db", pragmas=pragmas)
            )
            for name, pragmas in WAYS.items()
        }
        each = itertools.tee(numbers, len(databases))
        await asyncio.gather(*map(_write, databases.values(), databases, each))


async def _local_first(working: Path, other: Path, numbers: Iterable[int]) -> None:
    async with (
        ChildCourier(working, other, PACE.silence_s) as courier,
        Spool.open(courier, pace=PACE) as spool,
    ):
        await _write(spool.database, "spool", numbers, LONG_REST_S)


def _numbers(start: str, count: str = "") -> Iterable[int]:
    return itertools.islice(itertools.count(int(start)), int(count) if count else None)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["direct", directory, *which]:
            asyncio.run(_direct(Path(directory), _numbers(*which)))
        case ["local-first", working, other, *which]:
            asyncio.run(_local_first(Path(working), Path(other), _numbers(*which)))
        case ["local", path, *which]:
            asyncio.run(_local(Path(path), _numbers(*which)))
        case unknown:
            raise SystemExit(f"no such part: {unknown}")
