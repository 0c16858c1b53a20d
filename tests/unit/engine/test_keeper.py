"""Who waits for a worker, and workers that die at the wrong moment."""

import asyncio

import pytest

from engine.base import EngineStatus
from engine.child import Child
from engine.frames import Load, Wire, status_frame
from engine.keeper import Keeper, Patience
from engine.plan import Plan

PLAN = Plan(512, 1)


class Worker(Child):
    """Says that it is ready, if it ever is, and `adds`; then it dies at once or not at all."""

    def __init__(self, *adds: Wire, dies: bool, loads: bool = True) -> None:
        self._frames = [*adds, *[status_frame(EngineStatus("ready", model="m"))] * loads]
        self._dies = dies
        self.receiving = asyncio.Event()
        self.closing, self.may_close = asyncio.Event(), asyncio.Event()

    async def receive(self) -> Wire | None:
        if self._frames:
            return self._frames.pop()
        self.receiving.set()
        if not self._dies:
            await asyncio.Event().wait()
        return None

    def kill(self) -> None:
        self.may_close.set()

    async def close(self) -> str:
        self.closing.set()
        await self.may_close.wait()
        return "SIGSEGV"


class Asked:
    """Hears how the workers ended."""

    def __init__(self) -> None:
        self.ends: list[str] = []

    def __bool__(self) -> bool:
        return False

    def take(self, frame: Wire) -> None: ...

    def interrupt(self, end: str) -> None:
        self.ends.append(end)

    def fail(self, detail: str) -> None: ...


def keeper_of(work: Asked, *workers: Worker) -> Keeper:
    left = [*workers]

    async def spawn(_: Load) -> Child:
        return left.pop(0)

    return Keeper(Load("", "", "", PLAN), work, Patience(0.0), asyncio.sleep, spawn)


async def test_who_waited_for_a_worker_that_died_at_once_gets_the_next_one() -> None:
    brief, lasting = Worker(dies=True), Worker(dies=False)
    brief.may_close.set()
    lasting.may_close.set()
    keeper = keeper_of(Asked(), brief, lasting)
    keeper.start()
    async with asyncio.timeout(60):
        assert await keeper.ready() is lasting
    await keeper.close()


@pytest.mark.parametrize(
    "frame", [{"op": "status"}, {"op": "status", "status": {"state": "ready"}}, {"op": "notice"}]
)
async def test_a_worker_that_makes_no_sense_is_replaced(frame: Wire) -> None:
    confused, lasting = Worker(frame, dies=False), Worker(dies=False)
    confused.may_close.set()
    lasting.may_close.set()
    keeper = keeper_of(asked := Asked(), confused, lasting)
    keeper.start()
    async with asyncio.timeout(60):
        await confused.closing.wait()
        assert await keeper.ready() is lasting
    assert asked.ends == ["SIGSEGV"]
    await keeper.close()


async def test_the_end_of_a_worker_is_told_though_nobody_keeps_it_any_more() -> None:
    dying, asked = Worker(dies=True), Asked()
    keeper = keeper_of(asked, dying)
    keeper.start()
    await dying.closing.wait()
    closing = asyncio.create_task(keeper.close())
    await asyncio.sleep(0)
    dying.may_close.set()
    async with asyncio.timeout(60):
        await closing
    assert len(asked.ends) == 1


async def test_a_worker_that_still_loads_is_not_waited_for() -> None:
    loading = Worker(dies=False, loads=False)
    keeper = keeper_of(Asked(), loading)
    keeper.start()
    await loading.receiving.wait()
    async with asyncio.timeout(60):
        await keeper.close()


async def test_a_worker_that_answers_ends_by_itself() -> None:
    answering = Worker(dies=False)
    keeper = keeper_of(Asked(), answering)
    keeper.start()
    await keeper.ready()
    closing = asyncio.create_task(keeper.close())
    await answering.closing.wait()
    assert not answering.may_close.is_set()
    answering.may_close.set()
    await closing
