"""What a new model reads before it answers everybody, in real workers."""

import asyncio
import os
import signal
from dataclasses import replace
from itertools import chain
from pathlib import Path

from engine.base import Message, Request, Sampling
from engine.client import WorkerEngine
from engine.frames import Load
from engine.handover import Handover
from engine.pool import Pool
from engine.seats import Seats, Sharing
from tests.contract.engine_fixtures import SYSTEM, answer, demo_model, eventually, request
from tests.unit.engine.gguf_files import recurrent
from tests.unit.engine.pools import NEW, OLD, PLAN, QUICK, STORY, names, pool_of


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
