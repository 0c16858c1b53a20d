"""Tokens a second of answers whose conversations lie apart in the cache, over side by side.

The library computes answers together only where their sequences follow one another, and our engine
moves those that don't. Of eight conversations every second one is asked, or the first four.
"""

import asyncio
from statistics import median

from bench.ours import Ours, ours
from bench.row import Bench, Figures, Row
from bench.side import Ask
from bot.heard import Heard, rate_together
from bot.rehearsal import Talk
from engine.plan import Plan

CONVERSATIONS = 8
ASKED = 4
CONTEXT = 1024
TURNS = 3
FIRST_TOKENS = 4
LEAST_TOKENS = 32
"""Of fewer, text does not come often enough for a rate."""


async def measure(bench: Bench) -> Figures:
    """One round."""
    plan = Plan(CONTEXT, CONVERSATIONS, bench.threads, lookup=False)
    beside: list[float] = []
    apart: list[float] = []
    tokens = max(bench.size.decode_tokens, LEAST_TOKENS)
    async with ours(bench.model, plan) as side:
        for _ in range(TURNS):
            beside.append(await _rate(side, slice(ASKED), tokens))
            apart.append(await _rate(side, slice(None, None, 2), tokens))
    return {
        "side by side tok/s": median(beside),
        "apart tok/s": median(apart),
        "ratio": median(far / near for far, near in zip(apart, beside, strict=True)),
    }


async def _rate(side: Ours, which: slice, tokens: int) -> float:
    """The rate at which those are answered who ask again, once all have asked."""
    talks = [Talk(f"c{number}", number, words=8) for number in range(CONVERSATIONS)]
    for talk in talks:
        await _answer(side, talk, FIRST_TOKENS)
    rate = rate_together(
        await asyncio.gather(*[_answer(side, talk, tokens + 2 * ASKED) for talk in talks[which]])
    )
    for talk in talks:
        await side.engine.forget(talk.session)
    return rate


async def _answer(side: Ours, talk: Talk, tokens: int) -> Heard:
    return await side.ask(Ask(talk.session, talk.session, talk.question(), tokens))


ROW = Row(
    "apart",
    "Four answers whose conversations lie apart, tokens a second, over four that lie side by side",
    (),
    measure,
)
