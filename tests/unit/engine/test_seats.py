"""Who is in memory, with real workers: nobody leaves who is wanted, and nobody is left behind."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from engine.base import NoRoom, Unavailable
from engine.frames import Load
from engine.plan import Plan
from engine.seats import Seat, Seats, Sharing
from engine.weight import weigh
from tests.contract.engine_fixtures import answer, demo_model, eventually, request

PLAN = Plan(context_tokens=512, sequences=2, threads=1, park_bytes=0)
ADA = Load(str(demo_model().path), "", "ada", PLAN)
BOB = replace(ADA, name="bob")
IDLE_S = 10.0


@asynccontextmanager
async def seats_of(now: list[float], memory_bytes: int = 0) -> AsyncGenerator[Seats]:
    sharing = Sharing(memory_bytes=memory_bytes, idle_s=IDLE_S)
    async with Seats(sharing, clock=lambda: now[0]) as seats:
        yield seats


async def leaving(seats: Seats, now: list[float], seat: Seat) -> int:
    """Until a model begins to leave, for its time is over; its process, which is still there."""
    now[0] += IDLE_S + 1
    seats.keep(seat, IDLE_S)  # has the clock read again
    while not seat.worker.failed:
        await asyncio.sleep(0)
    assert seat.worker.pid
    return seat.worker.pid


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def present(seats: Seats) -> list[str]:
    return [seat.load.name for seat in seats]


async def test_who_is_wanted_again_while_another_leaves_stays():
    now = [0.0]
    async with seats_of(now) as seats:
        first = await seats.open(ADA)
        await seats.open(BOB)
        await leaving(seats, now, first)

        wanted = await seats.open(BOB)
        with seats.using(wanted) as worker:
            await eventually(lambda: present(seats), lambda names: names == ["bob"])
            assert (await answer(worker, request("Hello!"))).text

        assert await present(seats) == ["bob"]


async def test_a_model_is_loaded_again_when_its_process_before_is_gone():
    now = [0.0]
    async with seats_of(now, memory_bytes=weigh(ADA).total_bytes) as seats:
        before = await seats.open(ADA)
        pid = await leaving(seats, now, before)

        again = await seats.open(ADA)
        assert not runs(pid)
        assert again is not before

        await seats.dismiss(before)
        assert [*seats] == [again]
        assert not again.worker.failed


async def test_the_room_of_who_leaves_is_given_away_when_its_process_is_gone():
    now = [0.0]
    async with seats_of(now, memory_bytes=weigh(ADA).total_bytes) as seats:
        pid = await leaving(seats, now, await seats.open(ADA))
        assert seats.room_bytes() == 0

        await seats.open(BOB)

        assert not runs(pid)


async def test_nobody_leaves_for_a_model_that_would_not_fit_even_then():
    room = weigh(ADA).total_bytes
    large = replace(ADA, name="large", plan=replace(PLAN, park_bytes=2 * room))
    async with seats_of([0.0], memory_bytes=2 * room - 1) as seats:
        await seats.open(ADA)
        with pytest.raises(NoRoom):
            await seats.open(large)

        assert await present(seats) == ["ada"]


async def test_whoever_is_cancelled_while_leaving_leaves_no_worker_behind():
    pids: list[int] = []

    async def visit() -> None:
        async with seats_of([0.0]) as seats:
            seat = await seats.open(ADA)
            assert seat.worker.pid
            pids.append(seat.worker.pid)
            asyncio.get_running_loop().call_soon(visiting.cancel)

    visiting = asyncio.create_task(visit())
    with pytest.raises(asyncio.CancelledError):
        await visiting
    assert not runs(pids[0])


async def test_nor_when_a_worker_takes_its_time_to_end():
    pids: list[int] = []

    async def visit() -> None:
        async with seats_of([0.0]) as seats:
            pids.append((await seats.open(ADA)).worker.pid or 0)
            os.kill(pids[0], signal.SIGSTOP)  # it does not end by itself
            leaving.set()

    leaving = asyncio.Event()
    visiting = asyncio.create_task(visit())
    await leaving.wait()
    for _ in range(20):  # nothing but the worker is waited for by now
        await asyncio.sleep(0)
    while not visiting.done():  # a person who presses Ctrl-C until it is over
        visiting.cancel()
        await asyncio.sleep(0)

    assert visiting.cancelled()
    assert not runs(pids[0])


async def test_who_comes_too_late_gets_no_seat():
    async with seats_of([0.0]) as seats:
        asking = asyncio.create_task(seats.open(ADA))
        await asyncio.sleep(0)

    with pytest.raises(Unavailable, match="closed"):
        await asking
    assert [*seats] == []


async def test_a_model_loads_on_for_who_asks_again_when_one_gives_up():
    async with seats_of([0.0]) as seats:
        asking = asyncio.create_task(seats.open(ADA))
        while not (pid := next((seat.worker.pid for seat in seats), None)):
            await asyncio.sleep(0.001)
        [loading] = seats
        asking.cancel()
        await asyncio.wait([asking])

        assert await seats.open(ADA) is loading
        assert loading.worker.pid == pid


async def test_an_end_that_many_wait_for_is_seen_through():
    now = [0.0]
    async with seats_of(now) as seats:
        seat = await seats.open(ADA)
        os.kill(seat.worker.pid or 0, signal.SIGSTOP)  # it does not end by itself
        pid = await leaving(seats, now, seat)
        waits: list[asyncio.Task[None]] = []
        for _ in range(3):
            waits.append(asyncio.create_task(seats.dismiss(seat)))
            for _ in range(5):
                await asyncio.sleep(0)
        waits[0].cancel()

    assert not runs(pid)
    await asyncio.gather(*waits, return_exceptions=True)
