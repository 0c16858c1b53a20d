"""Texts → vectors: the same as the library's own, in whatever company a text comes."""

import asyncio
import math
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import zip_longest
from typing import Any, cast

import llama_cpp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.base import ContextTooLong, Embeds, Message, Overloaded, Unavailable
from engine.child import Child
from engine.client import Patience, WorkerEngine
from engine.embedding import PACK_TEXTS, normalised, packs
from engine.frames import Load, embed_frame
from engine.plan import Plan
from engine.pool import Pool
from engine.seats import Seats, Sharing
from tests.contract.engine_fixtures import demo_model, eventually, load_of

PLAN = Plan(context_tokens=256, sequences=1, threads=1, park_bytes=0)
LOAD = Load(str(demo_model().path), "", "demo", PLAN, "embed")
TEXTS = [
    "The fox sleeps.",
    "Der Fuchs schläft.",
    "Invoice 17 is due on Friday.",
    "狐狸在睡觉。",
    "x",
]
SAME = 0.999
"""Of two computations of one vector: kernels round differently."""
QUICK = Patience(first_pause_s=0.0, longest_pause_s=0.0)


@asynccontextmanager
async def embedder() -> AsyncGenerator[WorkerEngine]:
    async with WorkerEngine(LOAD, patience=QUICK) as engine:
        yield engine


def product(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def library_vectors() -> list[list[float]]:
    """The same texts by llama-cpp-python's own hand, one by one."""
    kind = llama_cpp.LLAMA_POOLING_TYPE_MEAN
    path = LOAD.path
    model = llama_cpp.Llama(path, embedding=True, pooling_type=kind, n_threads=1, verbose=False)
    try:
        return [cast(Any, model.embed(text, normalize=True)) for text in TEXTS]
    finally:
        model.close()


async def test_vectors_are_those_of_the_library_one_by_one_and_together():
    expected = await asyncio.to_thread(library_vectors)
    async with embedder() as engine:
        together = await engine.embed(TEXTS)
        alone = [(await engine.embed([text])).vectors[0] for text in TEXTS]

    for other in (together.vectors, alone):
        for ours, theirs in zip(other, expected, strict=True):
            assert product(ours, tuple(theirs)) > SAME
            assert product(ours, ours) == pytest.approx(1, abs=1e-5)
    assert product(together.vectors[0], together.vectors[2]) < SAME - 0.01
    assert together.model == "demo"
    assert together.tokens > len(TEXTS)


async def test_many_questions_at_once_get_their_own_vectors_in_their_order():
    async with embedder() as engine:
        one = (await engine.embed(TEXTS[:1])).vectors[0]
        many = await asyncio.gather(
            *[engine.embed([f"Line {n}.", TEXTS[0], ""]) for n in range(12)],
            engine.embed([TEXTS[0]] * (PACK_TEXTS * 2 + 3)),
            engine.embed([]),
        )
    for answer in many[:12]:
        assert product(answer.vectors[1], one) > SAME
        assert set(answer.vectors[2]) == {0.0}
    assert len({answer.vectors[0] for answer in many[:12]}) == 12
    assert len(many[12].vectors) == PACK_TEXTS * 2 + 3
    assert many[13].vectors == ()


async def test_a_text_too_long_is_refused_with_the_numbers_and_a_dead_child_replaced():
    async with embedder() as engine:
        with pytest.raises(ContextTooLong) as caught:
            await engine.embed(["short", "fox " * 5000])
        assert caught.value.tokens > caught.value.limit == 2048

        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)
        assert (await engine.embed(TEXTS)).tokens > 0


async def test_a_question_lasts_as_long_as_its_worker_shows_life():
    patience = replace(QUICK, ready_s=0.05)
    async with WorkerEngine(LOAD, patience=patience) as engine:
        await engine.ready()
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGSTOP)
        asked = asyncio.create_task(engine.embed(TEXTS))
        done, _ = await asyncio.wait([asked], timeout=4 * patience.ready_s)
        os.kill(engine.pid, signal.SIGCONT)

        assert not done
        assert (await asked).tokens > 0
        assert (await engine.status()).restarts == 0


async def test_a_short_question_passes_one_of_many_texts():
    many = [f"{n} foxes sleep. " * 4 for n in range(16)]
    child = await Child.spawn(LOAD)
    try:
        child.send(embed_frame(1, many))
        child.send(embed_frame(2, TEXTS[:1]))
        answers = [await embedded(child), await embedded(child)]
    finally:
        child.kill()
        await child.close()

    assert answers == [2, 1]


async def embedded(child: Child) -> int:
    """The number of the question that is answered next."""
    while frame := await child.receive():
        if frame["op"] == "embedded":
            return frame["id"]
    raise AssertionError("the worker is gone")


async def test_a_question_that_kills_every_worker_is_given_up():
    async with WorkerEngine(replace(LOAD, purpose="answer"), patience=QUICK) as engine:
        with pytest.raises(Unavailable, match="died 3 times"):
            await engine.embed(TEXTS)  # which a worker that answers takes for nonsense
        assert sum(await engine.count([Message("user", "Hello!")])) > 0


async def test_a_pool_loads_the_model_that_embeds_when_it_is_wanted():
    load = load_of(plan=PLAN)

    async def memory() -> int:
        return len(await pool.loaded())

    seats = Seats(Sharing(idle_s=0.2))
    async with Pool(load, lambda name: replace(load, name=name), seats, embedder="e") as pool:
        assert isinstance(pool, Embeds)
        assert await memory() == 1

        assert (await pool.embed(TEXTS[:1])).model == "e"

        await eventually(memory, lambda loaded: loaded == 1)
        await pool.forget("ada")
    async with Pool(load, lambda _: load, Seats(Sharing())) as pool:
        with pytest.raises(Unavailable, match=r"engine\.embedding_model"):
            await pool.embed(TEXTS)


async def test_whoever_would_wait_behind_too_many_is_told_when_to_come_back():
    load = load_of(plan=replace(PLAN, waiting=2))
    seats = Seats(Sharing())
    async with Pool(load, lambda name: replace(load, name=name), seats, embedder="e") as pool:
        waiting = [asyncio.create_task(pool.embed(TEXTS[:1])) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="for vectors") as caught:
            await pool.embed(TEXTS[:1])

        assert caught.value.retry_after_s > 0
        assert [(await each).model for each in waiting] == ["e", "e"]
        assert (await pool.embed(TEXTS[:1])).model == "e"


@given(st.lists(st.integers(0, 50), max_size=200), st.integers(50, 120))
def test_packs_hold_every_text_once_in_order_and_as_many_as_fit(lengths: list[int], most: int):
    made = [*packs(lengths, most)]

    assert [i for pack in made for i in pack] == [*range(len(lengths))]
    for pack, following in zip_longest(made, made[1:]):
        tokens = sum(lengths[i] for i in pack)
        assert 1 <= len(pack) <= PACK_TEXTS
        assert tokens <= most
        if following and len(pack) < PACK_TEXTS:
            assert tokens + lengths[following.start] > most


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=20))
def test_a_normalised_vector_has_length_one_and_its_direction(vector: list[float]):
    result = normalised(vector)
    length = math.hypot(*vector)
    if length > 1e-6:
        assert math.hypot(*result) == pytest.approx(1)
        assert [x * length for x in result] == pytest.approx(vector, abs=1e-6)
