"""Another model takes over while people ask: nothing may fail, and nobody may wait long for it.

A question belongs to the swap when it was asked after the change was ordered, up to each
conversation's first one to the new model; the old one answers while the new one loads and reads.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import fmean
from time import perf_counter

from bench.load import Crowd, gather, percentile
from bench.ours import Ours
from bench.row import Aim, Bench, Figures, Row
from bench.side import Ask
from bot.heard import Heard
from engine.base import EngineError, Message
from engine.frames import Load
from engine.handover import Handover
from engine.lately import Lately
from engine.plan import Plan
from engine.pool import Pool
from engine.seats import Seats, Sharing

CONTEXT = 1024


@dataclass(slots=True)
class Counting:
    """A side that counts what it asked and what failed, and goes on."""

    side: Ours
    asked: int = 0
    failed: int = 0
    answered: list[tuple[str, Heard]] = field(default_factory=list[tuple[str, Heard]])

    async def ask(self, ask: Ask) -> Heard:
        """See `Side.ask`."""
        self.asked += 1
        try:
            heard = await self.side.ask(ask)
        except EngineError:
            self.failed += 1
            now = perf_counter()
            return Heard(now, (now,), "", 0, 0)
        self.answered.append((ask.session, heard))
        return heard

    async def rest(self, session: str, messages: tuple[Message, ...]) -> None:
        """See `Side.rest`."""
        await self.side.rest(session, messages)


@dataclass(frozen=True, slots=True)
class Swapped:
    """What a crowd had while the model was changed: the questions of the swap, and of them each
    conversation's first one to the new model."""

    took_s: float
    failed: int
    lost: int
    during: list[Heard]
    firsts: list[Heard]


async def measure(bench: Bench) -> Figures:
    """The same people without a change, with one, and with one to a model that read nothing."""
    crowd = bench.size.swapping
    calm = await _calm(bench, crowd)
    read = await _swapped(bench, crowd, Handover())
    unread = await _swapped(bench, crowd, Handover(Lately(most=0)))
    quiet, swapping = _p95_ms(calm), _p95_ms(read.during)
    return {
        "failed": float(read.failed + unread.failed),
        "lost": float(read.lost + unread.lost),
        "questions during the swap": float(len(read.during)),
        "swap s": read.took_s,
        "calm p95 ms": quiet,
        "swapping p95 ms": swapping,
        "p95 ratio": swapping / quiet,
        "p95 ratio, nothing read before": _p95_ms(unread.during) / quiet,
        "calm: tokens computed a question": fmean(heard.computed for heard in calm),
        "first to the new model: tokens computed": _computed(read.firsts),
        "the same, nothing read before": _computed(unread.firsts),
    }


async def _calm(bench: Bench, crowd: Crowd) -> list[Heard]:
    """Everybody's questions but the first, whose prompt is new to any side."""
    async with _pool(bench, Handover()) as pool:
        await pool.count([Message("user", "Is somebody there?")])
        said = (await gather(Ours(pool), crowd)).said
    return [each.heard for each in said if each.turn > crowd.first]


async def _swapped(bench: Bench, crowd: Crowd, handover: Handover) -> Swapped:
    """The model is changed when everybody has asked something."""
    async with _pool(bench, handover) as pool:
        await pool.count([Message("user", "Is somebody there?")])
        side = Counting(Ours(pool))
        talking = asyncio.create_task(gather(side, crowd))
        await asyncio.sleep(2 * crowd.think_s)
        began = perf_counter()
        await pool.use("after")
        ready = perf_counter()
        await talking
    firsts: dict[str, Heard] = {}
    for session, heard in sorted(side.answered, key=lambda each: each[1].asked):
        if heard.asked > ready:
            firsts.setdefault(session, heard)
    until = max((heard.asked for heard in firsts.values()), default=ready)
    during = [heard for _, heard in side.answered if began <= heard.asked <= until]
    lost = side.asked - len(side.answered) - side.failed
    return Swapped(ready - began, side.failed, lost, during, [*firsts.values()])


def _pool(bench: Bench, handover: Handover) -> Pool:
    def find(name: str) -> Load:
        return Load(str(bench.model), "", name, Plan(CONTEXT, 8, bench.threads))

    return Pool(find("before"), find, Seats(Sharing()), handover=handover)


def _p95_ms(answers: Iterable[Heard]) -> float:
    return percentile([each.first_s for each in answers] or [0.0], 95) * 1e3


def _computed(answers: Iterable[Heard]) -> float:
    return fmean([each.computed for each in answers] or [0])


ROW = Row(
    "swap",
    "Another model takes over under load: failed, lost, and p95 over without",
    (Aim("failed", 0.0), Aim("lost", 0.0), Aim("p95 ratio", 2.0)),
    measure,
)
