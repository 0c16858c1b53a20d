"""Two bots with one database and one Telegram account, and people who write to them all the time.

One of the two answers, the other stands by. What parts them is the trial's own business; here is
what a trial waits for, and how it counts what came of it.
"""

import asyncio
import fcntl
import os
import random
import signal
import struct
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp

from storage.driver import driver
from tests.clients.process import BotProcess
from tests.clients.process import environment as bare
from tests.fakes.telegram.server import PACED, Call
from tests.faults.test_kill import free_port
from tests.faults.test_platforms_killed import Writer, environment
from tests.venues.telegram import TelegramVenue

PEOPLE = 3
PATIENCE_S = 300.0
RUSH_S, CALM_S = 2.0, 3.0
"""How long a person rests between two messages, at least and at most."""
LOCK_BYTES = 0x40000000, 512
"""What SQLite locks of a file, sqlite.org/fileformat2.html, "The Lock-Byte Page"."""
_TERMS = "SELECT epoch, label, commits FROM lease_term ORDER BY epoch"
Term = tuple[int, str, int | None]
"""Epoch, label and commits; those are unknown of the newest."""


@dataclass
class Bot:
    """One of the two. `since` is the newest epoch there was when its process began."""

    name: str
    process: BotProcess
    port: str
    since: int = 0

    async def start(self, newest: int) -> None:
        self.since = newest
        await self.process.start()

    async def stop(self) -> int:
        """Woken first, if it was left frozen."""
        self.signal(signal.SIGCONT)
        return await self.process.stop() if self.process.process else 0

    def signal(self, number: signal.Signals) -> None:
        process = self.process.process
        if process and process.returncode is None:
            process.send_signal(number)

    async def get(self, path: str) -> aiohttp.ClientResponse | None:
        """None while nobody listens there."""
        timeout = aiohttp.ClientTimeout(total=5)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                response = await session.get(f"http://127.0.0.1:{self.port}{path}")
                await response.read()
                return response
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def role(self) -> str:
        response = await self.get("/readyz")
        return (await response.json())["role"] if response else ""

    async def commits(self) -> int:
        """How many it believes to be on disk."""
        async with asyncio.timeout(PATIENCE_S):
            while (response := await self.get("/metrics")) is None:
                await asyncio.sleep(0.05)
        lines = (await response.text()).splitlines()
        (line,) = [line for line in lines if line.startswith("parley_commit_seconds_count")]
        return int(float(line.split()[1]))


@dataclass
class Pair:
    """Both bots, the platform between them and people, and what came of it.

    `file` is the database as this process may read it. `seconds` is how long each take-over took.
    """

    file: Path
    venue: TelegramVenue
    bots: tuple[Bot, Bot]
    people: list[Writer]
    chance: random.Random
    seconds: list[float] = field(default_factory=list[float])
    compared: int = 0
    held: set[str] = field(default_factory=set[str])
    gate: asyncio.Event | None = None
    holds: str = ""

    async def sides(self) -> tuple[Bot, Bot]:
        """Who answers, and who stands by."""
        found: list[Bot] = []

        async def settled() -> bool:
            roles = [await bot.role() for bot in self.bots]
            if sorted(roles) != ["primary", "standby"]:
                return False
            found[:] = self.bots if roles[0] == "primary" else self.bots[::-1]
            return True

        await until(settled)
        return found[0], found[1]

    @asynccontextmanager
    async def written_to(self) -> AsyncGenerator[None]:
        """People write while the block runs; at its end everybody has all answers."""
        ending = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for person in self.people:
                tasks.create_task(self._write(person, ending))
            yield
            ending.set()
        for person in self.people:
            await person.venue.until(
                lambda person=person: len(person.answers) >= len(person.wrote), PATIENCE_S
            )

    async def _write(self, person: Writer, ending: asyncio.Event) -> None:
        number = 0
        while not ending.is_set():
            name = f"t{person.name}-{number}"
            person.wrote.append(name)
            await person.venue.say(person.name, person.place, f"<{name}>")
            number += 1
            await asyncio.sleep(self.chance.uniform(RUSH_S, CALM_S))

    @property
    def messages(self) -> int:
        """How many people wrote."""
        return sum(len(each.wrote) for each in self.people)

    async def arrived(self, call: Call) -> None:
        """Hold up what the bot says that `holds` names, each person's first."""
        if self.gate and call.caller == self.holds and call.method in PACED:
            self.held.add(str(call.parameters["chat_id"]))
            await self.gate.wait()

    async def hold(self, bot: Bot) -> None:
        """Until the bot waits for the platform in each chat, so that nothing else is on its way."""
        self.holds, self.gate = bot.name, asyncio.Event()
        self.held.clear()

        async def is_certain() -> bool:
            return len(self.held) == PEOPLE or (await self.terms())[-1][1] != bot.name

        await until(is_certain)

    def let_go(self) -> None:
        if self.gate:
            self.gate.set()
        self.gate = None

    async def terms(self) -> list[Term]:
        """Everybody's time with the lease, in order.

        Read as often as it takes: a commit that was begun may be in the way, or left behind.
        """
        found: list[Term] = []

        async def is_read() -> bool:
            try:
                uri = f"{self.file.absolute().as_uri()}?mode=ro"
                with closing(driver.connect(uri, uri=True, timeout=0)) as connection:
                    found[:] = connection.execute(_TERMS).fetchall()
            except driver.OperationalError:
                return False
            return True

        await until(is_read)
        return found

    async def take_over(self, other: Bot) -> None:
        began = perf_counter()

        async def answers() -> bool:
            return await other.role() == "primary"

        await until(answers)
        self.seconds.append(perf_counter() - began)

    async def said_by(self, other: Bot) -> None:
        """Until the other has written to somebody."""
        count = len(self.said(other))
        await until(lambda: _now(len(self.said(other)) > count))

    def said(self, bot: Bot) -> list[Call]:
        calls = self.venue.server.calls
        return [call for call in calls if call.caller == bot.name and call.method in PACED]

    async def until_noticed(self, bot: Bot, term: int) -> bool:
        """Until a bot knows that it lost the lease; false if it has had it again since, because the
        other was too slow for its own, on a busy machine."""

        async def has_noticed() -> bool:
            return await bot.role() == "standby" or await self._has_answered_since(bot, term)

        await until(has_noticed)
        return not await self._has_answered_since(bot, term)

    async def _has_answered_since(self, bot: Bot, term: int) -> bool:
        return any(epoch > term and label == bot.name for epoch, label, _ in await self.terms())

    async def compare(self, bot: Bot, term: int) -> None:
        """Each commit counts as a beat of the epoch it was made in: so what a bot believes to have
        committed must not be more than what the file has of its terms. One beat a term is the first
        connection's, which the bot does not count."""
        believed, terms = await bot.commits(), await self.terms()
        if any(epoch > term and label == bot.name for epoch, label, _ in terms):
            return
        counts = [n for epoch, label, n in terms if label == bot.name and epoch > bot.since]
        known = [n for n in counts if n is not None]
        assert len(known) == len(counts)
        assert believed <= sum(known) - len(known)
        self.compared += 1


@asynccontextmanager
async def pair_of(
    bots: Callable[[TelegramVenue], Sequence[Bot]], file: Path, chance: random.Random
) -> AsyncGenerator[Pair]:
    """Both bots, started on a new database, and stopped at the end."""
    async with AsyncExitStack() as stack:
        venue = await stack.enter_async_context(TelegramVenue(drafts=False))
        ann, bob = bots(venue)
        names = [f"p{number}" for number in range(PEOPLE)]
        people = [Writer(venue, name, await venue.direct(name), []) for name in names]
        pair = Pair(file, venue, (ann, bob), people, chance)
        venue.server.arrived = pair.arrived
        await _make_database(ann)
        try:
            for bot in pair.bots:
                stack.push_async_callback(bot.stop)
                await bot.start(0)
            yield pair
        except BaseException:
            for bot in pair.bots:
                print(f"{bot.name} is {await bot.role()!r} and said:", *bot.process.output[-20:])
            raise


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await asyncio.sleep(0.05)


async def _now(value: bool) -> bool:
    return value


def is_locked(file: Path, *, for_readers: bool = False) -> bool:
    """fcntl(2), F_GETLK: whether a lock of another process is in the way of one that would write
    here, or even of one that only reads."""
    layout = "hhqqi4x"
    kind = fcntl.F_RDLCK if for_readers else fcntl.F_WRLCK
    with file.open("rb") as opened:
        asked = struct.pack(layout, kind, os.SEEK_SET, *LOCK_BYTES, 0)
        answer = fcntl.fcntl(opened, fcntl.F_GETLK, asked)
    return struct.unpack(layout, answer)[0] != fcntl.F_UNLCK


def make_bot(directory: Path, name: str, venue: TelegramVenue, file: Path, ttl_s: float) -> Bot:
    """A bot with a directory of its own in `directory`; `file` is the database as it sees it."""
    (directory / name).mkdir()
    port = free_port()
    server = venue.server
    sections: dict[str, dict[str, Any]] = {
        "bot": {"drain_s": "5"},
        "web": {"port": port},
        "engine": {"kind": "scripted", "scripted_delay_s": 0.01},
        "access": {"open": ["telegram"]},
        "telegram": {"token": server.token, "base_url": f"{server.url}/{name}"},
        "storage": {"path": str(file), "standby": "true", "lease_s": ttl_s, "label": name},
    }
    return Bot(name, BotProcess(directory / name, environment(sections)), port)


async def _make_database(bot: Bot) -> None:
    """As an administrator does before the first start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot.cli", "db", "upgrade"),
        cwd=bot.process.directory,
        env=bare() | bot.process.settings,
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0
