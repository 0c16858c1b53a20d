"""Somebody who asks a short thing now and then, while others ask as much as they can."""

from bench.llama_server import llama_server
from bench.load import Flood, firsts_of_light, percentile
from bench.ours import ours
from bench.row import Aim, Bench, Figures, Row
from bench.side import Side
from engine.plan import Plan

CONTEXT = 1024
SEQUENCES = 8
PAUSE_S = 2.0
"""Somebody who writes now and then: nine as busy as this would not fill the engine."""
ANSWER_TOKENS = 8
FLOOD_WORDS, FLOOD_TOKENS = 40, 24


async def eight(bench: Bench) -> Figures:
    """Eight flood; ours against the server's best."""
    figures: Figures = {}
    shape = bench.shape(SEQUENCES, CONTEXT)
    async with ours(bench.model, _plan(bench)) as side:
        figures["ours p95 ms"] = await _among(side, bench, people=bench.size.flood, at_once=2)
    async with llama_server(shape, bench.best_for(SEQUENCES)) as side:
        figures["server p95 ms"] = await _among(side, bench, people=bench.size.flood, at_once=2)
    figures["p95 ratio"] = figures["ours p95 ms"] / figures["server p95 ms"]
    return figures


async def one(bench: Bench) -> Figures:
    """One floods; against an idle engine."""
    async with ours(bench.model, _plan(bench)) as side:
        await firsts_of_light(side, 2, 0.0, ANSWER_TOKENS)
        asks = bench.size.light_asks
        idle = percentile(await firsts_of_light(side, asks, PAUSE_S, ANSWER_TOKENS), 95)
        flooded = await _among(side, bench, people=1, at_once=2 * bench.size.flood)
    return {"idle p95 ms": idle * 1e3, "flooded p95 ms": flooded, "ratio": flooded / idle / 1e3}


async def _among(side: Side, bench: Bench, people: int, at_once: int) -> float:
    """The 95th percentile in milliseconds."""
    async with Flood(side, people, at_once, FLOOD_WORDS, FLOOD_TOKENS):
        firsts = await firsts_of_light(side, bench.size.light_asks, PAUSE_S, ANSWER_TOKENS)
    return percentile(firsts, 95) * 1e3


def _plan(bench: Bench) -> Plan:
    return Plan(CONTEXT, SEQUENCES, bench.threads)


EIGHT = Row(
    "light-among-8",
    "A light person's p95 while 8 others flood, over llama-server's best",
    (Aim("p95 ratio", 0.2),),
    eight,
)
ONE = Row(
    "light-among-1",
    "A light person's p95 while one person floods, over idle",
    (Aim("ratio", 2.0),),
    one,
)
