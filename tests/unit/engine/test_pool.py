"""Several models at once, in real workers: a swap loses nothing, and memory is never overdrawn."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from engine.base import Message, NoRoom, Request, Sampling, Swaps, Unavailable
from engine.client import Patience, WorkerEngine
from engine.frames import MAX_FRAME_BYTES, Load
from engine.gguf import ModelError
from engine.handover import Handover
from engine.plan import Plan
from engine.pool import Pool
from engine.seats import Seats, Sharing
from engine.weight import Weight, room_bytes, weigh
from tests.contract.engine_fixtures import (
    SYSTEM,
    answer,
    demo_model,
    eventually,
    load_of,
    request,
    until,
)
from tests.unit.engine.gguf_files import recurrent

PLAN = Plan(context_tokens=512, sequences=2, threads=1, park_bytes=0)
STORY = "Tell me a very long story about a fox."
QUICK = Patience(first_pause_s=0.0, longest_pause_s=0.0)
OLD, NEW = (Load(str(demo_model().path), "", name, PLAN) for name in ("old", "new"))
BOTH_BYTES = weigh(OLD).total_bytes + weigh(NEW).total_bytes


@asynccontextmanager
async def pool_of(
    others: Mapping[str, Load] | None = None,
    sharing: Sharing | None = None,
    handover: Handover | None = None,
) -> AsyncGenerator[Pool]:
    """A pool that answers with OLD and finds NEW and `others`; they read nothing unless told to."""
    loads = {"old": OLD, "new": NEW, **(others or {})}

    def find(name: str) -> Load:
        if name not in loads:
            raise ModelError(f"there is no {name}")
        return loads[name]

    seats = Seats(sharing or Sharing(), QUICK)
    async with Pool(OLD, find, seats, handover=handover or Handover(longest_s=0.0)) as pool:
        yield pool


async def names(pool: Pool) -> tuple[str, ...]:
    return tuple(status.model for status in await pool.loaded())


async def begun(pool: Pool, session: str) -> "asyncio.Task[int]":
    """A long answer whose first word has come; the deltas it will have had."""
    started = asyncio.Event()

    async def read() -> int:
        deltas = 0
        async for _ in pool.stream(request(STORY, session, max_tokens=60)):
            deltas += 1
            started.set()
        return deltas

    task = asyncio.create_task(read())
    await started.wait()
    return task


async def test_the_old_model_finishes_what_it_began_and_the_new_one_answers_the_next():
    async with pool_of() as pool:
        assert isinstance(pool, Swaps)
        # Until it is read to its end it is under way, however fast the machine writes.
        old_answer = pool.stream(request(STORY, "ada", max_tokens=60))
        await anext(old_answer)

        await pool.use("new")

        assert (await pool.status()).model == "new"
        assert await names(pool) == ("new", "old")
        assert (await answer(pool, request("Hello!", "bob"))).text
        assert [delta async for delta in old_answer][-1].finish
        await eventually(lambda: names(pool), lambda loaded: loaded == ("new",))


async def test_a_model_that_fails_to_load_leaves_the_old_one_answering(tmp_path: Path):
    bad = tmp_path / "bad.gguf"
    whole = demo_model().path.read_bytes()
    bad.write_bytes(whole.replace(b"blk.3.ffn_up.weight", b"blk.3.ffn_xp.weight", 1))
    broken = replace(NEW, path=str(bad), name="broken")
    async with pool_of({"broken": broken}) as pool:
        with pytest.raises(Unavailable, match=r"bad\.gguf cannot be loaded"):
            await pool.use("broken")
        with pytest.raises(ModelError, match="no nowhere"):
            await pool.use("nowhere")

        assert await names(pool) == ("old",)
        assert (await answer(pool, request("Hello!"))).text


async def test_two_that_do_not_fit_together_are_swapped_with_a_pause():
    room = Sharing(memory_bytes=BOTH_BYTES - 1)
    async with pool_of(sharing=room) as pool:
        old_answer = await begun(pool, "ada")
        with pytest.raises(NoRoom, match=r"needs about \d+ MB, and \d+ MB are free") as caught:
            await pool.use("new")
        assert caught.value.pause_helps
        assert await names(pool) == ("old",)

        swap = asyncio.create_task(pool.use("new", pause=True))
        await until(lambda status: status.state == "loading", pool)
        next_answer = asyncio.create_task(answer(pool, request("Hello!", "bob")))
        count = asyncio.create_task(pool.count(request("Hello!").messages))

        await swap
        assert await old_answer > 1
        assert (await next_answer).text
        assert sum(await count) > 0
        assert await names(pool) == ("new",)


async def test_after_a_pause_for_a_model_that_fails_the_old_one_answers_again(tmp_path: Path):
    bad = tmp_path / "bad.gguf"
    whole = demo_model().path.read_bytes()
    bad.write_bytes(whole.replace(b"blk.3.ffn_up.weight", b"blk.3.ffn_xp.weight", 1))
    broken = replace(NEW, path=str(bad), name="broken")
    async with pool_of({"broken": broken}, Sharing(memory_bytes=BOTH_BYTES - 1)) as pool:
        with pytest.raises(Unavailable, match="cannot be loaded"):
            await pool.use("broken", pause=True)

        assert (await answer(pool, request("Hello!"))).text
        assert await names(pool) == ("old",)


async def test_what_does_not_even_fit_alone_is_refused_before_anything_stops():
    large = replace(NEW, name="large", plan=replace(PLAN, park_bytes=BOTH_BYTES * 2))
    async with pool_of({"large": large}, Sharing(memory_bytes=BOTH_BYTES)) as pool:
        with pytest.raises(NoRoom) as caught:
            await pool.use("large", pause=True)

        assert not caught.value.pause_helps
        assert (await pool.status()).model == "old"


async def test_a_named_model_is_loaded_on_demand_and_leaves_when_nobody_wants_it():
    asked = replace(request("Hello!"), model="new")
    async with pool_of(sharing=Sharing(idle_s=0.2)) as pool:
        first, second = await asyncio.gather(answer(pool, asked), answer(pool, asked))
        assert first.text == second.text
        assert (await pool.status()).model == "old"

        await eventually(lambda: names(pool), lambda loaded: loaded == ("old",))

        assert (await answer(pool, asked)).text
        assert await names(pool) == ("old", "new")


async def test_a_model_that_nobody_uses_makes_room_for_another():
    third = replace(NEW, name="third")
    async with pool_of({"third": third}, Sharing(memory_bytes=BOTH_BYTES)) as pool:
        assert (await answer(pool, replace(request("Hello!"), model="new"))).text

        assert (await answer(pool, replace(request("Hello!"), model="third"))).text
        assert await names(pool) == ("old", "third")

        reading = pool.stream(replace(request(STORY, max_tokens=200), model="third"))
        await anext(reading)
        with pytest.raises(NoRoom):
            await answer(pool, replace(request("Hello!"), model="new"))
        await reading.aclose()


async def test_the_model_before_may_be_called_back_while_it_finishes():
    async with pool_of() as pool:
        old_answer = await begun(pool, "ada")
        await pool.use("new")
        await pool.use("old")

        assert (await pool.status()).model == "old"
        await eventually(lambda: names(pool), lambda loaded: loaded == ("old",))
        assert await old_answer > 1
        assert (await answer(pool, request("Hello!"))).usage.prompt_tokens > 0


async def test_a_failed_start_is_told_and_another_model_may_take_over(tmp_path: Path):
    async with Pool(
        load_of(tmp_path / "none.gguf"), lambda _: NEW, Seats(Sharing(), QUICK)
    ) as pool:
        status = await until(lambda status: status.state == "failed", pool)
        assert "is missing" in status.detail
        with pytest.raises(Unavailable):
            await answer(pool, request("Hello!"))

        await pool.use("new")

        assert (await answer(pool, request("Hello!"))).text


async def test_closing_ends_every_worker():
    async with pool_of() as pool:
        await pool.use("new")
        task = await begun(pool, "ada")
    with pytest.raises(Unavailable):
        await task
    with pytest.raises(Unavailable):
        await pool.use("old")


async def test_forgetting_reaches_every_model():
    history = request("Remember the word kingfisher.", "ada", max_tokens=4)
    async with pool_of() as pool:
        await answer(pool, history)
        assert (await answer(pool, history)).usage.reused_tokens > 20
        task = await begun(pool, "bob")
        await pool.use("new")

        await pool.forget("ada")

        await pool.use("old")
        reused = (await answer(pool, history)).usage.reused_tokens
        assert reused < 20 + 12
        await task


async def talked(pool: Pool, session: str, before: str = "") -> Request:
    """A turn of a conversation is over; what is asked next, with all that was said before."""
    asked = request(f"{before}Remember the word kingfisher, {session}.", session, max_tokens=8)
    said = (await answer(pool, asked)).text
    history = (*asked.messages, Message("assistant", said))
    return request("Which word was it?", session, history=history, max_tokens=8)


async def test_a_new_model_has_read_what_was_said_before_it_answers():
    async with pool_of(handover=Handover(longest_s=600.0)) as pool:
        nexts = [await talked(pool, session) for session in ("ada", "bob")]

        await pool.use("new")

        for asked in nexts:
            usage = (await answer(pool, asked)).usage
            assert usage.prefilled_tokens < 16 < 40 < usage.reused_tokens


async def test_a_new_model_has_read_the_window_that_slid():
    async with pool_of(handover=Handover(longest_s=600.0)) as pool:
        asked = await talked(pool, "ada")
        slid = (asked.messages[0], *request("Hi! " * 50).messages, Message("assistant", "Hi!"))
        await pool.prepare("ada", slid)

        await pool.use("new")

        usage = (await answer(pool, request("And now?", "ada", history=slid))).usage
        assert usage.prefilled_tokens < 16 < 100 < usage.reused_tokens


async def test_what_was_read_is_shifted_when_its_window_slides():
    turns = [
        (Message("user", f"{number} is a number. {STORY}"), Message("assistant", f"{number}1 too."))
        for number in range(6)
    ]
    window, slid = chain(*turns[:4]), (SYSTEM, *chain(*turns[1:5]))
    only_read = Sampling(max_tokens=0)
    async with WorkerEngine(OLD) as engine:
        reading = Request("ada", "", (SYSTEM, *window), only_read)
        assert (await answer(engine, reading)).text == ""
        await engine.prepare("ada", slid)

        usage = (await answer(engine, request("And now?", "ada", history=slid))).usage
        assert usage.slide == "shifted"
        assert usage.prefilled_tokens < 100 < usage.reused_tokens


async def test_a_recurrent_model_reads_the_latest_and_as_many_as_it_keeps(tmp_path: Path):
    path = tmp_path / "recurrent.gguf"
    path.write_bytes(recurrent(demo_model().path))
    new = Load(str(path), "", "recurrent", replace(PLAN, sequences=2, park_bytes=1 << 20))
    handover = Handover(longest_s=600.0)
    async with pool_of({"recurrent": new}, handover=handover) as pool:
        nexts = [await talked(pool, session) for session in ("ada", "bob", "eve")]
        told: list[int] = []

        async def reads(count: int) -> None:
            told.append(count)

        await pool.use("recurrent", reads=reads)

        assert told == [2]
        assert not (await pool.status()).parks
        for asked in reversed(nexts[1:]):
            usage = (await answer(pool, asked)).usage
            assert usage.prefilled_tokens < 16 < 30 < usage.reused_tokens


async def test_a_new_model_reads_nothing_that_was_forgotten():
    async with pool_of(handover=Handover(longest_s=600.0)) as pool:
        forgotten, kept = await talked(pool, "ada"), await talked(pool, "bob")
        await pool.forget("ada")
        await pool.use("new")
        await answer(pool, kept)

        # The system prompt and the first words are everybody's.
        common = sum(await pool.count([SYSTEM])) + 12
        assert (await answer(pool, forgotten)).usage.reused_tokens < common


async def test_while_a_new_model_waits_to_read_everybody_is_answered():
    async with pool_of(handover=Handover(longest_s=600.0)) as pool:
        old_answer = pool.stream(request(STORY, "ada", max_tokens=60))
        await anext(old_answer)
        swap = asyncio.create_task(pool.use("new"))
        await eventually(lambda: names(pool), lambda loaded: loaded == ("old", "new"))

        assert (await answer(pool, request("Hello!", "bob"))).text
        assert (await answer(pool, replace(request("Hello!", "eve"), model="new"))).text
        assert not swap.done()
        assert (await pool.status()).model == "old"

        await old_answer.aclose()
        await swap
        assert (await pool.status()).model == "new"


async def test_a_new_model_that_dies_while_it_reads_takes_over_all_the_same():
    seats = Seats(Sharing(), QUICK)
    async with Pool(OLD, lambda _: NEW, seats) as pool:
        asked = await talked(pool, "ada", before=STORY * 12)
        swap = asyncio.create_task(pool.use("new"))
        pids = await eventually(lambda: reading(seats), lambda pids: swap.done() or bool(pids))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        await swap

        assert (await pool.status()).model == "new"
        assert (await answer(pool, asked)).text


async def reading(seats: Seats) -> list[int]:
    """The process of the new model, when it has begun to read."""
    return [
        seat.worker.pid
        for seat in seats
        if seat.load == NEW and seat.worker.pid and (await seat.worker.status()).running
    ]


@pytest.mark.parametrize(
    ("limit", "available", "expected"),
    [(0, 1000, 880), (0, 100, 0), (700, 1000, 380), (200, 1000, 0), (5000, 1000, 880)],
)
def test_room_is_what_both_the_system_and_the_limit_leave(
    limit: int, available: int, expected: int
):
    loaded = [Weight(200, 80), Weight(120, 40)]
    assert room_bytes(limit, available, loaded) == expected


async def test_what_no_frame_holds_is_an_error_of_the_engine():
    huge = Message("user", "x" * MAX_FRAME_BYTES)
    async with WorkerEngine(OLD) as engine:
        await engine.ready()
        await engine.prepare("ada", [huge])
        with pytest.raises(Unavailable, match="too much"):
            await engine.count([huge])
        assert (await answer(engine, request("Hello!", "ada"))).text
