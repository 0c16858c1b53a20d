"""Two bots, one database, one Telegram account: the one that answers is frozen or killed, again and
again, while people write. Who wakes up later answers nobody, and everybody has one answer.

A frozen process (SIGSTOP) is what a partition looks like to the other: no beat comes, and it goes
on later as if nothing had been. It is frozen outside a transaction, for only a file server ends
the locks of a machine that is gone.
"""

import asyncio
import fcntl
import os
import random
import signal
import statistics
import struct
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp
import pytest

from storage.driver import driver
from tests.clients.process import BotProcess
from tests.clients.process import environment as bare
from tests.fakes.telegram.server import PACED, Call
from tests.faults.test_kill import free_port
from tests.faults.test_platforms_killed import Writer, environment
from tests.venues.telegram import TelegramVenue

LONG = bool(os.environ.get("PARLEY_LONG_FAULTS"))
ROUNDS = 20 if LONG else 2
PEOPLE = 3
TTL_S = 3.0
PATIENCE_S = 120.0
LOCK_BYTES = 0x40000000, 512
"""What SQLite locks of a file, sqlite.org/fileformat2.html, "The Lock-Byte Page"."""


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
        return await self.process.stop()

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
        response = await self.get("/metrics")
        assert response
        lines = (await response.text()).splitlines()
        (line,) = [line for line in lines if line.startswith("parley_commit_seconds_count")]
        return int(float(line.split()[1]))


@dataclass
class Trial:
    """Both bots, the platform between them and people, and what came of it."""

    file: Path
    venue: TelegramVenue
    bots: tuple[Bot, Bot]
    people: list[Writer]
    chance: random.Random
    seconds: list[float] = field(default_factory=list[float])
    late: list[Call] = field(default_factory=list[Call])
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

    async def write(self, person: Writer, ending: asyncio.Event) -> None:
        number = 0
        while not ending.is_set():
            name = f"t{person.name}-{number}"
            person.wrote.append(name)
            await person.venue.say(person.name, person.place, f"<{name}>")
            number += 1
            await asyncio.sleep(self.chance.uniform(2, 3))

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
            return len(self.held) == PEOPLE or self.terms()[-1][1] != bot.name

        await until(is_certain)

    def let_go(self) -> None:
        if self.gate:
            self.gate.set()
        self.gate = None

    async def freeze(self, bot: Bot) -> None:
        while True:
            bot.signal(signal.SIGSTOP)
            if not await self._is_locked():
                return
            bot.signal(signal.SIGCONT)
            await asyncio.sleep(self.chance.uniform(0.01, 0.1))

    async def _is_locked(self) -> bool:
        """Whether locks stay; a standby's look at the file takes some for a moment."""
        for _ in range(20):
            if not _has_locks(self.file):
                return False
            await asyncio.sleep(0.02)
        return True

    def terms(self) -> list[tuple[int, str, int | None]]:
        """Epoch, label and commits, in order."""
        with driver.connect(str(self.file)) as connection:
            query = "SELECT epoch, label, commits FROM lease_term ORDER BY epoch"
            return connection.execute(query).fetchall()

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

    async def killed(self) -> None:
        """kill -9; the other goes on, and the first comes back as its standby."""
        active, other = await self.sides()
        await asyncio.sleep(self.chance.uniform(0, 1))
        await active.process.kill()
        await self.take_over(other)
        await self.said_by(other)
        await active.start(self.terms()[-1][0])

    async def frozen(self, *, held: bool) -> None:
        """Frozen and woken. `held`: frozen while it waits for the platform in each chat, so that it
        is certain what it would do next."""
        active, other = await self.sides()
        if held:
            await self.hold(active)
        else:
            await asyncio.sleep(self.chance.uniform(0, 1))
        await self.freeze(active)
        self.let_go()
        await self.take_over(other)
        await self.said_by(other)
        before, term = len(self.said(active)), self.terms()[-1][0]
        active.signal(signal.SIGCONT)

        async def has_noticed() -> bool:
            return await active.role() == "standby" or self.has_answered_since(active, term)

        await until(has_noticed)
        late = self.said(active)[before:]
        if self.has_answered_since(active, term):
            return  # the other was too slow for its own lease, on a busy machine
        self.late += late
        await self.compare(active, term)

    def has_answered_since(self, bot: Bot, term: int) -> bool:
        return any(epoch > term and label == bot.name for epoch, label, _ in self.terms())

    async def compare(self, bot: Bot, term: int) -> None:
        """Each commit counts as a beat of the epoch it was made in: so what a bot believes to have
        committed must not be more than what the file has of its terms. One beat a term is the first
        connection's, which the bot does not count."""
        believed = await bot.commits()
        if self.has_answered_since(bot, term):
            return
        terms = [n for epoch, label, n in self.terms() if label == bot.name and epoch > bot.since]
        counted = [n for n in terms if n is not None]
        assert len(counted) == len(terms)
        assert believed <= sum(counted) - len(counted)
        self.compared += 1


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await asyncio.sleep(0.05)


async def _now(value: bool) -> bool:
    return value


def _has_locks(file: Path) -> bool:
    """fcntl(2), F_GETLK: whether a lock of another process is in the way of a writer."""
    layout = "hhqqi4x"
    with file.open("rb") as opened:
        asked = struct.pack(layout, fcntl.F_WRLCK, os.SEEK_SET, *LOCK_BYTES, 0)
        answer = fcntl.fcntl(opened, fcntl.F_GETLK, asked)
    return struct.unpack(layout, answer)[0] != fcntl.F_UNLCK


def make_bot(directory: Path, name: str, venue: TelegramVenue) -> Bot:
    """A bot with a directory of its own; the database is beside both."""
    (directory / name).mkdir()
    port = free_port()
    server = venue.server
    sections: dict[str, dict[str, Any]] = {
        "bot": {"drain_s": "5"},
        "web": {"port": port},
        "engine": {"kind": "scripted", "scripted_delay_s": 0.01},
        "access": {"open": ["telegram"]},
        "telegram": {"token": server.token, "base_url": f"{server.url}/{name}"},
        "storage": {
            "path": str(directory / "shared.db"),
            "standby": "true",
            "lease_s": TTL_S,
            "label": name,
        },
    }
    return Bot(name, BotProcess(directory / name, environment(sections)), port)


async def make_database(bot: Bot) -> None:
    """As an administrator does before the first start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot.cli", "db", "upgrade"),
        cwd=bot.process.directory,
        env=bare() | bot.process.settings,
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0


@pytest.mark.timeout(900 if LONG else 400)
@pytest.mark.parametrize("seed", [1])
async def test_two_bots_answer_once(
    tmp_path: Path, seed: int, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(seed)
    async with AsyncExitStack() as stack:
        venue = await stack.enter_async_context(TelegramVenue(drafts=False))
        ann, bob = bots = make_bot(tmp_path, "ann", venue), make_bot(tmp_path, "bob", venue)
        await make_database(ann)
        for bot in bots:
            await bot.start(0)
            stack.push_async_callback(bot.stop)
        names = [f"p{number}" for number in range(PEOPLE)]
        people = [Writer(venue, name, await venue.direct(name), []) for name in names]
        trial = Trial(tmp_path / "shared.db", venue, bots, people, chance)
        venue.server.arrived = trial.arrived
        ending = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for person in people:
                tasks.create_task(trial.write(person, ending))
            for number in range(ROUNDS):
                match number % 4:
                    case 0:
                        await trial.frozen(held=True)
                        assert trial.late == []
                    case 2:
                        await trial.frozen(held=False)
                        trial.late.clear()
                    case _:
                        await trial.killed()
            ending.set()
        for person in people:
            await person.venue.until(
                lambda person=person: len(person.answers) >= len(person.wrote), PATIENCE_S
            )
        assert [person.answers for person in people] == [person.wrote for person in people]
        epochs = [epoch for epoch, _, _ in trial.terms()]
        assert epochs == list(range(1, len(epochs) + 1))
        assert len(epochs) > ROUNDS
        assert await bob.stop() == 0
        assert await ann.stop() == 0
        record_property("take-over, seconds", [round(each, 2) for each in trial.seconds])
        messages = sum(len(each.wrote) for each in people)
        shares = [each / TTL_S for each in trial.seconds]
        print(
            f"{ROUNDS} rounds, {messages} messages, {trial.compared} sleepers' commits compared; "
            f"take-over in {statistics.median(shares):.2f} × TTL, {max(shares):.2f} at most"
        )
