"""The worker's memory after very many turns, over what it was after the first few hundred."""

import asyncio
from collections import deque
from pathlib import Path
from statistics import fmean

from bench.load import speak
from bench.ours import Ours, ours
from bench.row import Aim, Bench, Figures, Row
from bot.rehearsal import Talk
from engine.plan import Plan

PEOPLE = 12
ANSWER_TOKENS = 8
TURNS_A_TALK = 14
CONTEXT = 512
PARK_BYTES = 64 << 20
LOOKS = 200
"""After each of so many turns the worker is looked at: states of up to 11 MB come and go all the
time, and one look finds any number of them."""


async def measure(bench: Bench) -> Figures:
    """Talks of 14 turns, so that windows slide, among 12 people with 8 sequences."""
    early, late = bench.size.memory_turns
    plan = Plan(CONTEXT, 8, bench.threads, park_bytes=PARK_BYTES)
    async with ours(bench.model, plan) as side:
        before = await _turns(side, 0, early)
        after = await _turns(side, early, late)
    return {
        f"after {early} turns MB": before / 1e6,
        f"after {late} turns MB": after / 1e6,
        "ratio": after / before,
    }


def resident_bytes(pid: int) -> int:
    """What a process holds in memory of its own; the model's file, which is mapped, is apart."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) << 10
    raise LookupError(f"process {pid} has no RssAnon")


async def _turns(side: Ours, start: int, end: int) -> float:
    """Turns number `start` to `end`, of all people together; the mean memory after the last."""
    left = iter(range(start, end))
    looks: deque[int] = deque(maxlen=LOOKS)

    async def person(number: int) -> None:
        talk = Talk(f"m{start}-{number}", number, words=0)
        for turn in left:
            if len(talk.turns) == TURNS_A_TALK:
                talk = Talk(f"m{turn}-{number}", turn, words=0)
            await speak(side, talk, ANSWER_TOKENS)
            looks.append(resident_bytes(side.pid))

    await asyncio.gather(*map(person, range(PEOPLE)))
    return fmean(looks)


ROW = Row(
    "memory",
    "The worker's memory after 10,000 turns, over after 500",
    (Aim("ratio", 1.05),),
    measure,
)
