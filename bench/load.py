"""People who write, wait for the answer, read it, think and write again.

With a think time this is a team on a day; with none it is the most that a side can answer. Pauses
are drawn from a seed, so that every side and every round has the same people.
"""

import asyncio
import itertools
import random
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from bench.side import Ask, Side
from bot.heard import Heard
from bot.rehearsal import Talk

EARLIER_ANSWER = "Once upon a time there was a small"


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many people, how long they think (seconds, on average), and their turns: from the
    one numbered `first` to the one numbered `last`; earlier ones lie behind them already."""

    people: int
    first: int
    last: int
    think_s: float
    words: int
    answer_tokens: int


@dataclass(frozen=True, slots=True)
class Said:
    """One turn of one person; turns count from 1."""

    turn: int
    heard: Heard


@dataclass(frozen=True, slots=True)
class Crowded:
    """What a crowd had, and the seconds from the first question to the last answer."""

    said: tuple[Said, ...]
    took_s: float

    def firsts(self, turns: range) -> list[float]:
        """Seconds to the first word in these turns. Everybody's first question does not count: its
        prompt is new to all sides."""
        begun = min(each.turn for each in self.said)
        return [e.heard.first_s for e in self.said if e.turn in turns and e.turn > begun]


async def gather(side: Side, crowd: Crowd) -> Crowded:
    """Let everybody have their conversation."""
    async with asyncio.TaskGroup() as tasks:
        talking = [tasks.create_task(_talk(side, crowd, n)) for n in range(crowd.people)]
    said = tuple(each for task in talking for each in task.result())
    first = min(each.heard.asked for each in said)
    return Crowded(said, max(each.heard.arrivals[-1] for each in said) - first)


async def _talk(side: Side, crowd: Crowd, number: int) -> list[Said]:
    pauses = random.Random(number)
    talk = Talk(f"s{number}", number, crowd.words)
    for _ in range(1, crowd.first):
        talk.hear(EARLIER_ANSWER)
    said: list[Said] = []
    # Spread, for all first prompts are new and must not come at once.
    await asyncio.sleep(2 * pauses.random() * crowd.think_s)
    for turn in range(crowd.first, crowd.last + 1):
        said.append(Said(turn, await speak(side, talk, crowd.answer_tokens)))
        await asyncio.sleep(pauses.uniform(0.5, 1.5) * crowd.think_s)
    return said


async def speak(side: Side, talk: Talk, answer_tokens: int) -> Heard:
    """One turn, as the bot does it: the answer goes into the window, and the engine is told."""
    heard = await side.ask(Ask(talk.session, talk.session, talk.question(), answer_tokens))
    talk.hear(heard.text)
    if talk.slides:
        await side.rest(talk.session, talk.window())
    return heard


@dataclass(slots=True)
class Flood:
    """People who each keep `at_once` questions waiting, until the block ends."""

    side: Side
    people: int
    at_once: int
    words: int
    answer_tokens: int
    _tasks: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    async def __aenter__(self) -> "Flood":
        self._tasks = [
            asyncio.create_task(self._ask_on(person, at))
            for person in range(self.people)
            for at in range(self.at_once)
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _ask_on(self, person: int, at: int) -> None:
        for number in itertools.count():
            session = f"flood{person}-{at}-{number}"
            talk = Talk(session, person * 1000 + at * 100 + number, self.words)
            ask = Ask(session, f"flood{person}", talk.question(), self.answer_tokens)
            await self.side.ask(ask)


async def firsts_of_light(side: Side, asks: int, pause_s: float, tokens: int) -> list[float]:
    """Seconds to the first word of somebody who asks a short thing now and then."""
    firsts: list[float] = []
    for number in range(asks):
        session = f"light-{perf_counter()}"
        talk = Talk(session, number, words=1)
        heard = await side.ask(Ask(session, "light", talk.question(), tokens))
        firsts.append(heard.first_s)
        await asyncio.sleep(pause_s)
    return firsts


def percentile(values: Iterable[float], percent: int) -> float:
    """The value that `percent` of the values do not exceed, interpolated."""
    ordered: Sequence[float] = sorted(values)
    if len(ordered) == 1:
        return ordered[0]
    return statistics.quantiles(ordered, n=100, method="inclusive")[percent - 1]
