"""People who write while something happens to the NAS, and what became of what they were told."""

import asyncio
import shutil
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from storage.database import Database
from storage.driver import driver
from storage.inbox import Inbox
from storage.records import Body, StorageError
from storage.tables import metadata
from storage.turns import Turns
from tests.clients.page import Tab, all_present
from tests.unit.storage.values import destination, event, turn

PEOPLE = 4
PAUSE_S = 0.05
RETRY_S = 0.2
ANSWER_S = 60.0
"""Long enough for any answer; one that takes longer is none."""
OWN = {"change", "replica"}
"""What the working file keeps of itself."""


class Flow(ABC):
    """People who each do one thing after the other, until told to stop."""

    def __init__(self, people: int = PEOPLE) -> None:
        self.done = [0] * people
        self._took_s: list[tuple[float, float]] = []
        self._changed = asyncio.Event()
        self._is_over = False

    @abstractmethod
    async def step(self, person: int, number: int) -> bool:
        """Do it once; whether it was done. What was not is done again."""

    @asynccontextmanager
    async def flowing(self) -> AsyncGenerator[None]:
        """Everybody goes on; leaving waits until the last of them is done."""
        async with asyncio.TaskGroup() as tasks:
            for person in range(len(self.done)):
                tasks.create_task(self._go_on(person))
            yield
            self._is_over = True

    async def more(self, count: int) -> None:
        """Wait until everybody has done it so many times from now on."""
        wanted = [done + count for done in self.done]
        while any(done < want for done, want in zip(self.done, wanted, strict=True)):
            self._changed.clear()
            await self._changed.wait()

    def count(self, since_s: float, until_s: float) -> int:
        """What was begun in that time, and done."""
        return len(self._between(since_s, until_s))

    def p95_ms(self, since_s: float, until_s: float) -> float:
        """How long what was begun in that time took."""
        took = sorted(self._between(since_s, until_s))
        return round(took[int(len(took) * 0.95)] * 1e3, 1) if took else 0.0

    def _between(self, since_s: float, until_s: float) -> list[float]:
        return [took for at, took in self._took_s if since_s <= at < until_s]

    async def _go_on(self, person: int) -> None:
        while not self._is_over:
            began = perf_counter()
            if await self.step(person, self.done[person]):
                self._took_s.append((began, perf_counter() - began))
                self.done[person] += 1
                self._changed.set()
                await asyncio.sleep(PAUSE_S)
            else:
                await asyncio.sleep(RETRY_S)


class Traffic(Flow):
    """Each person's event and its answer, written to a database.

    `acknowledged` names what the storage said it holds. A write that is refused is asked for again.
    """

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.acknowledged: list[str] = []
        self.refused = 0
        self._database = database

    async def step(self, person: int, number: int) -> bool:
        name = f"{person}-{number}"
        try:
            recorded = await Inbox(self._database).record([event(name)])
            for row in recorded.new:
                value = turn(name, "hi", session=str(person))
                await Turns(self._database).commit(value, destination(), [Body(0, "yes")], [row.id])
        except StorageError:
            self.refused += 1
            return False
        self.acknowledged.append(name)
        return True


class Talk(Flow):
    """Each person's message to a bot, and its answer."""

    def __init__(self, tabs: list[Tab]) -> None:
        super().__init__(len(tabs))
        self._tabs = tabs

    @property
    def answered(self) -> int:
        return sum(self.done)

    @asynccontextmanager
    async def flowing(self) -> AsyncGenerator[None]:
        async with all_present(self._tabs, ANSWER_S), super().flowing():
            yield

    async def step(self, person: int, number: int) -> bool:
        tab = self._tabs[person]
        await tab.say(tab.direct, f"question {number}")
        await tab.until(lambda: len(tab.shown(tab.direct)) > number, ANSWER_S)
        return True


def turns(path: Path) -> int:
    """How many a file holds."""
    with _reading(path) as connection:
        return connection.execute("SELECT count(*) FROM turn").fetchone()[0]


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


@contextmanager
def _reading(path: Path) -> Generator[driver.Connection]:
    """A copy of a closed file, with its journal: on the NAS a lock may outlive who held it."""
    with TemporaryDirectory(dir=path.parent) as directory:
        for part in path.parent.glob(f"{path.name}*"):
            shutil.copy2(part, directory)
        with closing(driver.connect(Path(directory) / path.name)) as connection:
            yield connection
