"""People who write while something happens to the NAS, and what became of what they were told."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from storage.database import Database
from storage.driver import driver
from storage.inbox import Inbox
from storage.records import Body, StorageError
from storage.tables import metadata
from storage.turns import Turns
from tests.unit.storage.values import destination, event, turn

PEOPLE = 4
PAUSE_S = 0.05
RETRY_S = 0.2
OWN = {"change", "replica"}
"""What the working file keeps of itself."""


@dataclass(slots=True)
class Traffic:
    """Each person's event and answer, one after the other, until told to stop.

    `acknowledged` names what the storage said it holds; `took_s` is the time of every event's
    acknowledgement, by when it was asked for. A write that is refused is asked for again.
    """

    database: Database
    acknowledged: list[str] = field(default_factory=list[str])
    refused: int = 0
    took_s: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    by_person: list[int] = field(default_factory=lambda: [0] * PEOPLE)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _is_over: bool = False

    @asynccontextmanager
    async def flowing(self) -> AsyncGenerator["Traffic"]:
        """Everybody writes; leaving waits until the last of them is acknowledged."""
        async with asyncio.TaskGroup() as tasks:
            for person in range(PEOPLE):
                tasks.create_task(self._write(person))
            yield self
            self._is_over = True

    async def more(self, count: int) -> None:
        """Wait until everybody was acknowledged so many times from now on."""
        wanted = [done + count for done in self.by_person]
        while any(done < want for done, want in zip(self.by_person, wanted, strict=True)):
            self._changed.clear()
            await self._changed.wait()

    def p95_ms(self, since_s: float, until_s: float) -> float:
        """Of the acknowledgements asked for in that time."""
        took = sorted(took for at, took in self.took_s if since_s <= at < until_s)
        return round(took[int(len(took) * 0.95)] * 1e3, 1) if took else 0.0

    async def _write(self, person: int) -> None:
        number = 0
        while not self._is_over:
            name = f"{person}-{number}"
            began = perf_counter()
            if await self._tried(name, person):
                self.took_s.append((began, perf_counter() - began))
                self.acknowledged.append(name)
                self.by_person[person] += 1
                self._changed.set()
                number += 1
                await asyncio.sleep(PAUSE_S)
            else:
                self.refused += 1
                await asyncio.sleep(RETRY_S)

    async def _tried(self, name: str, person: int) -> bool:
        try:
            recorded = await Inbox(self.database).record([event(name)])
            for row in recorded.new:
                value = turn(name, "hi", session=str(person))
                await Turns(self.database).commit(value, destination(), [Body(0, "yes")], [row.id])
        except StorageError:
            return False
        return True


def missing(path: Path, acknowledged: list[str]) -> list[str]:
    """The events that were acknowledged and are not in the file."""
    with _reading(path) as connection:
        kept = {row[0] for row in connection.execute("SELECT event_id FROM inbox")}
    return [name for name in acknowledged if name not in kept]


def damage(path: Path) -> list[str]:
    """What an integrity check finds wrong."""
    with _reading(path) as connection:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    return [] if found == ["ok"] else found


def differing(one: Path, other: Path) -> list[str]:
    """The tables that are not the same in both files."""
    names = metadata.tables.keys() - OWN
    rows = [_rows(path, sorted(names)) for path in (one, other)]
    return [name for name in sorted(names) if rows[0][name] != rows[1][name]]


def _rows(path: Path, names: list[str]) -> dict[str, list[tuple[object, ...]]]:
    with _reading(path) as connection:
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall()) for name in names
        }


def _reading(path: Path) -> "closing[driver.Connection]":
    return closing(driver.connect(path))
