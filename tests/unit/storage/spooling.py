"""A working file and the NAS's, and what may stand between them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.applier import Applier
from storage.attendant import result
from storage.courier import ChildCourier
from storage.database import Database
from storage.driver import driver
from storage.inbox import Inbox
from storage.records import Body
from storage.spool import Pace, Spool
from storage.tables import metadata
from storage.turns import Turns
from tests.unit.storage.values import destination, event, turn

PATIENCE_S = 60.0
QUICK = Pace(0.01, silence_s=5, first_retry_s=0.05, longest_retry_s=0.05, last_copy_s=PATIENCE_S)
OWN = {"change", "replica", "lease", "lease_term"}


class Near:
    """An applier without a process around it."""

    def __init__(self, working: Path, other: Path) -> None:
        self.working = working
        self.other = other
        self.applier = Applier(working, other)

    async def ask(self, do: str, **request: object) -> Mapping[str, Any]:
        return result(await asyncio.to_thread(self.applier.answer, {"do": do, **request}))


@dataclass(frozen=True, slots=True)
class Pair:
    """A working file, and the file on the NAS that it stands for."""

    working: Path
    other: Path

    @asynccontextmanager
    async def open(self, kind: type[Near] | None = None) -> AsyncGenerator[Spool]:
        """With an applier in this process."""
        near = (kind or Near)(self.working, self.other)
        try:
            async with Spool.open(near, pace=QUICK) as spool:
                yield spool
        finally:
            near.applier.close()

    @asynccontextmanager
    async def apart(self, silence_s: float) -> AsyncGenerator[tuple[Spool, ChildCourier]]:
        """With an applier in a process of its own."""
        async with (
            ChildCourier(self.working, self.other, silence_s) as courier,
            Spool.open(courier, pace=QUICK) as spool,
        ):
            yield spool, courier

    def elsewhere(self) -> "Pair":
        """The same file on the NAS, seen from another machine."""
        return Pair(self.working.with_name("elsewhere.db"), self.other)


def rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that a closed file holds, but what is the file's own."""
    connection = driver.connect(path)
    try:
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall())
            for name in metadata.tables
            if name not in OWN
        }
    finally:
        connection.close()


async def until(reached: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await reached():
            await asyncio.sleep(0.01)


async def copied(spool: Spool) -> bool:
    condition = await spool.condition()
    return condition.state == "copying" and condition.waiting == 0


async def degraded(spool: Spool) -> bool:
    return (await spool.condition()).state == "degraded"


async def refused(spool: Spool) -> bool:
    return (await spool.condition()).state == "refused"


async def converse(db: Database, *names: str) -> None:
    inbox, turns = Inbox(db), Turns(db)
    for name in names:
        (row,) = (await inbox.record([event(name)], ("page", "bot", name))).new
        await turns.commit(turn(name, name), destination(), [Body(0, "yes")], [row.id])
