"""Outbox → platform: every part of an answer comes to stand there as its row says, once.

A lane per room keeps order and pacing, so that a room which is told to wait does not slow another
one; what all rooms of a platform share is its `Traffic`.
"""

import asyncio
from collections.abc import Callable, Container, Coroutine, Mapping, Sequence
from typing import Any

import structlog

from adapters.base import Adapter
from bot.codec import address_of
from bot.health import Metrics
from bot.lane import Job, Lane
from bot.pace import Traffic
from storage.outbox import Outbox
from storage.records import Part, PartState

log = structlog.get_logger(__name__)

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Starts a task in the application's one task group."""


class Delivery:
    """All lanes. `adapters` are keyed by platform and account."""

    def __init__(
        self,
        outbox: Outbox,
        adapters: Mapping[tuple[str, str], Adapter],
        spawn: Spawn,
        metrics: Metrics,
    ) -> None:
        self._outbox = outbox
        self._adapters = adapters
        self._spawn = spawn
        self._metrics = metrics
        self._lanes: dict[tuple[str, str, str], Lane] = {}
        self._traffic: dict[tuple[str, str], Traffic] = {}
        self._drained = False
        self._left: frozenset[str] = frozenset()

    async def recover(self, awaited: Container[str] = ()) -> None:
        """Take up the parts that an earlier run left; whether they arrived is not known.

        `awaited` are the answers still to be written; what was begun of any other goes.
        """
        parts = await self._outbox.undelivered()
        begun = {part.answer for part in parts if part.state is PartState.OPEN}
        given_up = sorted(answer for answer in begun if answer not in awaited)
        if given_up:
            await self._outbox.withdraw(given_up)
            parts = await self._outbox.undelivered()
        self._left = frozenset(part.answer for part in parts)
        for part in parts:
            if part.state is PartState.READY:
                self._put(Job(part, part.body))

    def was_left(self, answer: str) -> bool:
        """Whether something of this answer may stand on its platform since an earlier run."""
        return answer in self._left

    def deliver(self, parts: Sequence[Part], *, unsure: bool = False) -> None:
        """Bring final bodies to their platform."""
        for part in parts:
            self._put(Job(part, part.body, unsure=unsure))

    def preview(self, part: Part, markdown: str, number: int, *, whole: bool = False) -> None:
        """Show how far an answer is, as the platform's pace allows. `number` counts from 1.

        A `whole` text is not the answer's beginning, but says what goes on before there is one.
        """
        self._put(Job(part, markdown, preview=number, whole=whole))

    def wake(self, platform: str) -> None:
        """A platform is back: try again at once what waits for it."""
        for key, lane in self._lanes.items():
            if key[0] == platform:
                lane.wake()

    async def drain(self, timeout_s: float) -> None:
        """Wait until all is delivered, at most so long; what is left is taken up at next start."""
        tasks = [lane.task for lane in self._lanes.values() if lane.task]
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)
        self._drained = True
        for task in tasks:
            task.cancel()

    def _put(self, job: Job) -> None:
        to = job.part.to
        job.unsure = job.unsure or self.was_left(job.part.answer)
        adapter = self._adapters.get((to.platform, to.account))
        if adapter is None or self._drained:  # the row waits for its platform, or the next start
            return
        address = address_of(to)
        place = (to.platform, to.account, address.room)
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = self._lane(adapter, direct=address.direct)
        lane.put(job)
        if lane.task is None:
            lane.task = self._spawn(self._run(place, lane))

    def _lane(self, adapter: Adapter, *, direct: bool) -> Lane:
        account = (adapter.name, adapter.account)
        traffic = self._traffic.setdefault(account, Traffic(adapter.limits))
        return Lane(adapter, self._outbox, self._metrics, traffic.in_chat(direct=direct))

    async def _run(self, place: tuple[str, str, str], lane: Lane) -> None:
        try:
            await lane.work()
        except Exception:
            log.exception("a lane broke", platform=place[0], room=place[2])
        finally:
            lane.task = None
            if lane.is_over:
                del self._lanes[place]
