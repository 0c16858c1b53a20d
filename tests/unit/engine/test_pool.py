"""Several models at once, in real workers: a swap loses nothing, and memory is never overdrawn."""

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from engine.base import Message, NoRoom, Swaps, Unavailable
from engine.client import WorkerEngine
from engine.frames import MAX_FRAME_BYTES, Load
from engine.gguf import ModelError
from engine.pool import Pool
from engine.seats import Seats, Sharing
from engine.weight import Weight, room_bytes
from tests.contract.engine_fixtures import answer, demo_model, eventually, load_of, request, until
from tests.unit.engine.pools import BOTH_BYTES, NEW, OLD, PLAN, QUICK, STORY, names, pool_of


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


async def test_whoever_gives_a_pause_up_gets_the_old_model_alone_in_memory():
    seats = Seats(Sharing(memory_bytes=BOTH_BYTES - 1), QUICK)
    async with Pool(OLD, lambda _: NEW, seats) as pool:
        assert (await answer(pool, request("Hello!"))).text
        swap = asyncio.create_task(pool.use("new", pause=True))
        [pid] = await eventually(lambda: pids_of(seats, NEW), bool)
        os.kill(pid, signal.SIGSTOP)  # it loads for ever
        swap.cancel()
        await asyncio.wait([swap])

        assert [seat.load for seat in seats] == [OLD]
        assert (await answer(pool, request("Hello!"))).text


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


async def test_a_model_that_is_there_answers_while_another_one_loads():
    asked, third = replace(request("Hello!"), model="new"), replace(NEW, name="third")
    seats = Seats(Sharing(), QUICK)
    async with Pool(OLD, {"new": NEW, "third": third}.__getitem__, seats) as pool:
        assert (await answer(pool, asked)).text
        loading = asyncio.create_task(pool.use("third"))
        pids = await eventually(lambda: pids_of(seats, third), bool)
        os.kill(pids[0], signal.SIGSTOP)  # it takes for ever

        assert (await answer(pool, asked)).text
        assert not loading.done()

    with pytest.raises(Unavailable):
        await loading


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


async def pids_of(seats: Seats, load: Load) -> list[int]:
    return [seat.worker.pid for seat in seats if seat.load == load and seat.worker.pid]
