"""A prompt of 4,000 tokens: what a reader feels of it, and how fast `/stop` ends it."""

import asyncio
import itertools
from contextlib import aclosing
from time import perf_counter

from bench.load import percentile
from bench.ours import Ours, ours, request_of
from bench.row import Aim, Bench, Figures, Row
from bench.side import Ask
from bot.rehearsal import SYSTEM, Talk
from engine.base import Message
from engine.plan import Plan

CONTEXT = 5120
POLL_S = 0.002


async def reader(bench: Bench) -> Figures:
    """The reader's intervals without the long prompt, and while it is computed."""
    async with ours(bench.model, Plan(CONTEXT, 2, bench.threads, lookup=False)) as side:
        await side.ask(_read("warm", 8))
        alone = (await side.ask(_read("alone", bench.size.read_tokens))).gaps_s
        arrivals: list[float] = []
        reading = asyncio.create_task(_arrive(side, _read("beside", CONTEXT - 512), arrivals))
        await _longer(arrivals, 8, reading)
        long = await side.ask(_long(bench, "long"))
        await _longer(arrivals, len(arrivals) + 1, reading)
        reading.cancel()
    inside = [
        late - early
        for early, late in itertools.pairwise(arrivals)
        if long.asked < late and early < long.arrivals[0]
    ]
    without, beside = percentile(alone, 99), percentile(inside, 99)
    return {
        "prompt tokens": float(long.computed),
        "without p99 ms": without * 1e3,
        "beside p99 ms": beside * 1e3,
        "without p50 ms": percentile(alone, 50) * 1e3,
        "beside p50 ms": percentile(inside, 50) * 1e3,
        "prefill tok/s": long.computed / long.first_s,
        "ratio": beside / without,
    }


async def _arrive(side: Ours, ask: Ask, arrivals: list[float]) -> None:
    """Note when each piece of text comes."""
    async with aclosing(side.engine.stream(request_of(ask))) as deltas:
        async for delta in deltas:
            if delta.text:
                arrivals.append(perf_counter())


async def _longer(arrivals: list[float], length: int, reading: asyncio.Task[None]) -> None:
    while len(arrivals) < length:
        if reading.done():
            reading.result()
            raise RuntimeError("the reader's answer ended before the long prompt was computed")
        await asyncio.sleep(POLL_S)


async def stop(bench: Bench) -> Figures:
    """From closing the stream until the worker says that nothing runs."""
    took: list[float] = []
    async with ours(bench.model, Plan(CONTEXT, 2, bench.threads)) as side:
        for number in range(bench.size.stops):
            took.append(await _stopped(side, _long(bench, f"stop{number}"), 0.4 + number * 0.13))
    return {"p50 ms": percentile(took, 50) * 1e3, "longest ms": max(took) * 1e3}


async def _stopped(side: Ours, ask: Ask, after_s: float) -> float:
    asking = asyncio.create_task(_arrive(side, ask, []))
    while (await side.engine.status()).running == 0:
        await asyncio.sleep(POLL_S)
        if asking.done():
            asking.result()  # says why it was refused
    await asyncio.sleep(after_s)
    stopped = perf_counter()
    asking.cancel()
    while (await side.engine.status()).running:
        await asyncio.sleep(POLL_S)
    took = perf_counter() - stopped
    await side.engine.forget(ask.session)
    return took


def _read(session: str, tokens: int) -> Ask:
    return Ask(session, "reader", Talk(session, 3, words=4).question(), tokens)


def _long(bench: Bench, session: str) -> Ask:
    text = " ".join(f"item {number % 97}" for number in range(bench.size.long_words))
    return Ask(session, "writer", (SYSTEM, Message("user", f"{session}: sum up {text}")), 4)


READER = Row(
    "reader",
    "A reader's p99 interval while 4,000 tokens are prefilled, over without",
    (Aim("ratio", 2.0),),
    reader,
)
STOP = Row("stop", "`/stop` in a prefill of 4,000 tokens, ms", (Aim("longest ms", 150.0),), stop)
