"""The model is swapped again and again while many people write: nothing fails, nothing is lost."""

import asyncio
import os
from dataclasses import replace

import pytest

from engine.frames import Load
from engine.handover import Handover
from engine.plan import Plan
from engine.pool import Pool
from engine.seats import Seats, Sharing
from engine.weight import weigh
from tests.contract.engine_fixtures import answer, demo_model, eventually, request

pytestmark = [
    pytest.mark.skipif("PARLEY_LONG_FAULTS" not in os.environ, reason="a long trial"),
    pytest.mark.timeout(600),
]

PEOPLE, SWAPS = 4, 4
PLAN = Plan(context_tokens=512, sequences=4, threads=1, park_bytes=0)
LOADS = {name: Load(str(demo_model().path), "", name, PLAN) for name in ("odd", "even")}
LONGEST_S = 5.0
"""People who never think leave hardly a moment to read in, so every reading takes so long."""
ONE_BYTES = weigh(LOADS["odd"]).total_bytes


@pytest.mark.parametrize("memory_bytes", [0, ONE_BYTES * 3 // 2], ids=["beside", "with a pause"])
async def test_every_question_is_answered_through_swaps(memory_bytes: int):
    done, stopping = list[str](), asyncio.Event()

    async def talk(name: str) -> None:
        while not stopping.is_set():
            asked = replace(request("Tell me about foxes.", name, max_tokens=12), deadline_s=300)
            reply = await answer(pool, asked)
            assert reply.text
            assert reply.deltas[-1].finish
            done.append(name)

    seats, handover = Seats(Sharing(memory_bytes=memory_bytes)), Handover(longest_s=LONGEST_S)
    async with (
        Pool(LOADS["odd"], LOADS.__getitem__, seats, handover=handover) as pool,
        asyncio.TaskGroup() as people,
    ):
        for number in range(PEOPLE):
            people.create_task(talk(f"p{number}"))
        for swap in range(SWAPS):
            await _until_longer(done, len(done) + PEOPLE)
            await pool.use(("even", "odd")[swap % 2], pause=bool(memory_bytes))
        await _until_longer(done, len(done) + PEOPLE)
        stopping.set()
    assert len(done) >= PEOPLE * (SWAPS + 1)


async def _until_longer(done: list[str], count: int) -> None:
    async def length() -> int:
        return len(done)

    await eventually(length, lambda now: now >= count)
