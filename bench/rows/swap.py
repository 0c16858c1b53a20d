"""Another model takes over while people ask: nothing may fail, and nobody may wait long for it."""

import asyncio
from dataclasses import dataclass
from time import perf_counter

from bench.load import gather, percentile
from bench.ours import Ours
from bench.row import Aim, Bench, Figures, Row
from bench.side import Ask
from bot.heard import Heard
from engine.base import EngineError, Message
from engine.frames import Load
from engine.plan import Plan
from engine.pool import Pool
from engine.seats import Seats, Sharing

CONTEXT = 1024
AFTERWARDS_S = 3.0
"""How long after the swap a question still counts as asked in it: chats are computed anew."""


@dataclass(slots=True)
class Counting:
    """A side that counts what it asked and what failed, and goes on."""

    side: Ours
    asked: int = 0
    answered: int = 0
    failed: int = 0

    async def ask(self, ask: Ask) -> Heard:
        """See `Side.ask`."""
        self.asked += 1
        try:
            heard = await self.side.ask(ask)
        except EngineError:
            self.failed += 1
            now = perf_counter()
            return Heard(now, (now,), "", 0, 0)
        self.answered += 1
        return heard

    async def rest(self, session: str, messages: tuple[Message, ...]) -> None:
        """See `Side.rest`."""
        await self.side.rest(session, messages)


async def measure(bench: Bench) -> Figures:
    """The same people twice: without a swap, and with one when they are under way."""

    def find(name: str) -> Load:
        return Load(str(bench.model), "", name, Plan(CONTEXT, 8, bench.threads))

    crowd = bench.size.swapping
    async with Pool(find("before"), find, Seats(Sharing())) as pool:
        await pool.count([Message("user", "Is somebody there?")])
        side = Counting(Ours(pool))
        calm = (await gather(side, crowd)).firsts(range(2, 1000))
        talking = asyncio.create_task(gather(side, crowd))
        await asyncio.sleep(2 * crowd.think_s)
        began = perf_counter()
        await pool.use("after")
        took = perf_counter() - began
        said = (await talking).said
    end = began + took + AFTERWARDS_S
    during = [each.heard.first_s for each in said if began <= each.heard.asked <= end]
    during = during or [each.heard.first_s for each in said]
    quiet, swapping = percentile(calm, 95), percentile(during, 95)
    return {
        "failed": float(side.failed),
        "lost": float(side.asked - side.answered - side.failed),
        "questions during the swap": float(len(during)),
        "swap s": took,
        "calm p95 ms": quiet * 1e3,
        "swapping p95 ms": swapping * 1e3,
        "p95 ratio": swapping / quiet,
    }


ROW = Row(
    "swap",
    "Another model takes over under load: failed, lost, and p95 over without",
    (Aim("failed", 0.0), Aim("lost", 0.0), Aim("p95 ratio", 2.0)),
    measure,
)
