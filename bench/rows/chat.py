"""One chat: what the sliding window costs the person who waits for the first word.

All sides hold the same conversation, one after the other, with a short pause between the turns.
"""

import asyncio
import statistics
from contextlib import closing

from bench.high_level import HighLevel
from bench.llama_server import AS_IT_COMES, REUSE, Setting, llama_server
from bench.load import speak
from bench.ours import ours
from bench.row import Aim, Bench, Figures, Row
from bench.side import Side
from bot.rehearsal import WINDOW_TURNS, Talk
from engine.plan import Plan

CONTEXT = 2048
TUNED = Setting("reuse, pinned", REUSE, pinned=True)


async def measure(bench: Bench) -> Figures:
    """One round."""
    figures: Figures = {}
    shape = bench.shape(slots=1, context=CONTEXT)
    async with ours(bench.model, Plan(CONTEXT, 8, bench.threads)) as side:
        _note(figures, "ours", await _firsts(side, bench))
    for name, setting in (("server", AS_IT_COMES), ("tuned server", TUNED)):
        async with llama_server(shape, setting) as side:
            _note(figures, name, await _firsts(side, bench))
    with closing(await asyncio.to_thread(HighLevel, bench.model, CONTEXT, bench.threads)) as side:
        _note(figures, "Llama", await _firsts(side, bench))
    return figures


async def _firsts(side: Side, bench: Bench) -> list[float]:
    """Seconds to the first word, by turn."""
    talk, firsts = Talk("chat", 1, words=3), list[float]()
    for _ in range(bench.size.chat_turns):
        firsts.append((await speak(side, talk, bench.size.chat_tokens)).first_s)
        await asyncio.sleep(bench.size.chat_pause_s)
    return firsts


def _note(figures: Figures, name: str, firsts: list[float]) -> None:
    for turn, first_s in enumerate(firsts, start=1):
        figures[f"{name} turn {turn} ms"] = first_s * 1e3
    before = statistics.median(firsts[1:WINDOW_TURNS])
    after = statistics.median(firsts[WINDOW_TURNS + 1 :])
    figures[f"{name} turns 2-10 ms"] = before * 1e3
    figures[f"{name} turns 12+ ms"] = after * 1e3
    figures[f"{name} ratio"] = after / before


ROW = Row(
    "chat",
    "One chat: time to the first word, turns 12+ over turns 2–10",
    (Aim("ours ratio", 1.2),),
    measure,
)
