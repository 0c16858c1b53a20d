"""Outbox → platform: every part of an answer comes to stand there as its row says, once.

A lane per room keeps order and pacing; a room that is told to wait does not slow another one. A
lane knows, for each part, the newest text to show: a preview is replaced by a newer one and by the
final body, never queued behind it. Whether a first attempt is a send or an edit follows from the
part's remote id; after a crash or a lost response the platform is asked before anything is sent.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import structlog
import tenacity

from adapters import base, markup
from adapters.base import Adapter, Address, MessageRef, Rendered
from bot.codec import address_of
from bot.health import Metrics
from storage.outbox import Outbox
from storage.records import Part, PartState, StorageError

log = structlog.get_logger(__name__)

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Starts a task in the application's one task group."""

GIVE_UP_S = 24 * 3600.0
"""How long an answer is tried before it is a dead letter: longer than a platform's bad day."""
LONGEST_PAUSE_S = 60.0
STORAGE_PAUSE_S = 5.0
BURST_S = 6.0
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(slots=True)
class Job:
    """What a part should show next. `unsure`: an earlier send of it may have arrived.

    `preview` numbers the texts that are not final, from 1; 0 is the final body.
    """

    part: Part
    markdown: str | None
    preview: int = 0
    unsure: bool = False

    @property
    def final(self) -> bool:
        """Whether this is the body that its row holds."""
        return self.preview == 0

    @property
    def key(self) -> str:
        """The idempotency key of the next call: a send's, or one for each text of an edit."""
        part = self.part
        if part.remote_id is None:
            return f"{part.answer}.{part.index}"
        return f"{part.answer}.{part.index}.{part.revision}.{self.preview}"


class Pace:
    """When the next call may be made: `per_minute` on average, a tenth of it in a burst."""

    def __init__(self, per_minute: int) -> None:
        self._interval_s = 60 / per_minute
        self._due = 0.0

    def wait_s(self, now: float) -> float:
        """Seconds until a call would be in time."""
        return max(0.0, self._due - BURST_S + self._interval_s - now)

    def take(self, now: float) -> float:
        """Take a place; the seconds until it comes."""
        wait_s = self.wait_s(now)
        self._due = max(self._due, now) + self._interval_s
        return wait_s


class Lane:
    """One room's messages, in order."""

    def __init__(self, adapter: Adapter, outbox: Outbox, metrics: Metrics) -> None:
        self._adapter = adapter
        self._outbox = outbox
        self._metrics = metrics
        self._jobs: OrderedDict[tuple[str, int], Job] = OrderedDict()
        self._placed: dict[tuple[str, int], str] = {}
        self._sends = Pace(adapter.limits.sends_per_minute)
        self._edits = Pace(adapter.limits.edits_per_minute)
        self._changed = asyncio.Event()
        self._awake = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def put(self, job: Job) -> None:
        """Show this for its part, instead of what was to be shown before."""
        key = (job.part.answer, job.part.index)
        before = self._jobs.get(key)
        if before is not None:
            if before.final and not job.final:
                return
            _inherit(job, before)
        if key in self._placed:
            job.part = replace(job.part, remote_id=self._placed[key])
        self._jobs[key] = job
        self._changed.set()

    @property
    def is_over(self) -> bool:
        """Whether nothing is to be shown and no answer is growing."""
        return not (self._jobs or self._placed)

    def wake(self) -> None:
        """Try again at once what is waiting for a platform to come back."""
        self._awake.set()

    async def work(self) -> None:
        """Carry out what there is, and end."""
        while self._jobs:
            self._changed.clear()
            now = asyncio.get_running_loop().time()
            waits = {key: self._wait_s(job, now) for key, job in self._jobs.items()}
            key = min(waits, key=lambda key: waits[key])  # the first of those that need not wait
            if waits[key]:
                await _wait(self._changed, waits[key])
            else:
                await self._carry_out(key, self._jobs[key])

    def _wait_s(self, job: Job, now: float) -> float:
        """A preview waits for its pace out here, where a newer text can take its place."""
        if job.final:
            return 0.0
        return (self._edits if job.part.remote_id else self._sends).wait_s(now)

    async def _carry_out(self, key: tuple[str, int], job: Job) -> None:
        try:
            remote_id = await self._until_done(job)
            await self._record(job, remote_id)
        except StorageError as error:  # the platform has it; asked again, it will say so
            log.warning("delivery waits for storage", message=job.part.answer, error=str(error))
            job.unsure = True
            await _wait(self._awake, STORAGE_PAUSE_S)
        except Exception as error:  # noqa: BLE001 - an adapter's fault must not stop the lane
            await self._give_up(key, job, error)
        else:
            self._close(key, job, remote_id)

    async def _record(self, job: Job, remote_id: str | None) -> None:
        part = job.part
        if job.final:
            await self._outbox.delivered(part.answer, part.index, part.revision, remote_id)
            self._metrics.delivered.labels(part.to.platform).inc()
            log.info("delivered", message=part.answer, part=part.index, platform=part.to.platform)
        elif remote_id and not part.remote_id:
            await self._outbox.placed(part.answer, part.index, remote_id)

    def _close(self, key: tuple[str, int], job: Job, remote_id: str | None) -> None:
        job.part = replace(job.part, remote_id=remote_id)
        job.unsure = False
        self._placed.pop(key, None)
        if remote_id and not job.final:
            self._placed[key] = remote_id
        latest = self._jobs[key]
        if latest is job:
            del self._jobs[key]
        else:
            _inherit(latest, job)

    async def _give_up(self, key: tuple[str, int], job: Job, error: Exception) -> None:
        latest = self._jobs[key]
        if latest is not job:  # a newer text is to be shown: that one is tried
            return _inherit(latest, job)
        del self._jobs[key]
        if not job.final:  # a preview that can't be shown is no loss; its final body will try
            return None
        self._placed.pop(key, None)
        reason = str(error) or type(error).__name__
        log.error("dead letter", message=job.part.answer, part=job.part.index, error=reason)
        self._metrics.dead_letters.labels(job.part.to.platform).inc()
        await self._outbox.dead(job.part.answer, job.part.index, reason)
        return None

    async def _until_done(self, job: Job) -> str | None:
        """The part's remote id, after as many attempts as patience has."""
        retrying = tenacity.AsyncRetrying(
            sleep=self._pause,
            wait=_patience,
            stop=tenacity.stop_any(
                tenacity.stop_after_delay(GIVE_UP_S), _Superseded(self._jobs, job)
            ),
            retry=tenacity.retry_if_exception(_is_passing),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                return await self._attempt(job)
        raise AssertionError("tenacity ends in a result or an exception")

    async def _attempt(self, job: Job) -> str | None:
        try:
            return await self._call(job)
        except base.Ambiguous:
            job.unsure = True
            raise
        except base.AdapterError as error:
            if job.final and _is_passing(error):
                await self._outbox.attempted(job.part.answer, job.part.index, str(error))
            raise

    async def _call(self, job: Job) -> str | None:
        part, to = job.part, address_of(job.part.to)
        if job.unsure and not part.remote_id:
            found = await self._adapter.find(to, job.key, part.created_at - CLOCK_SKEW)
            if found:
                part = job.part = replace(part, remote_id=found.remote_id)
        if job.markdown is None:
            if part.remote_id:
                await self._adapter.delete(MessageRef(to, part.remote_id))
            return None
        body = markup.render(job.markdown, self._adapter.limits.dialect)
        if part.remote_id is None:
            return await self._send(to, body, job.key)
        await self._keep_pace(self._edits)
        await self._adapter.edit(MessageRef(to, part.remote_id), body, job.key)
        return part.remote_id

    async def _send(self, to: Address, body: Rendered, key: str) -> str:
        await self._keep_pace(self._sends)
        return (await self._adapter.send(to, body, key)).remote_id

    async def _keep_pace(self, pace: Pace) -> None:
        wait_s = pace.take(asyncio.get_running_loop().time())
        if wait_s:
            await asyncio.sleep(wait_s)

    async def _pause(self, seconds: float) -> None:
        self._awake.clear()
        await _wait(self._awake, seconds)


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

    async def recover(self) -> None:
        """Take up the parts that an earlier run left; whether they arrived is not known."""
        for part in await self._outbox.undelivered():
            if part.state is PartState.READY:
                self._put(Job(part, part.body, unsure=True))

    def deliver(self, parts: Sequence[Part], *, unsure: bool = False) -> None:
        """Bring final bodies to their platform."""
        for part in parts:
            self._put(Job(part, part.body, unsure=unsure))

    def preview(self, part: Part, markdown: str, number: int, *, unsure: bool = False) -> None:
        """Show how far an answer is, as the platform's pace allows. `number` counts from 1."""
        self._put(Job(part, markdown, preview=number, unsure=unsure))

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
        for task in tasks:
            task.cancel()

    def _put(self, job: Job) -> None:
        to = job.part.to
        adapter = self._adapters.get((to.platform, to.account))
        if adapter is None:  # its platform is switched off: the row waits for it to come back
            return
        place = (to.platform, to.account, address_of(to).room)
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = Lane(adapter, self._outbox, self._metrics)
        lane.put(job)
        if lane.task is None:
            lane.task = self._spawn(self._run(place, lane))

    async def _run(self, place: tuple[str, str, str], lane: Lane) -> None:
        try:
            await lane.work()
        except Exception:
            log.exception("a lane broke", platform=place[0], room=place[2])
        finally:
            lane.task = None
            if lane.is_over:
                del self._lanes[place]


def _inherit(newer: Job, older: Job) -> None:
    """What is known of the message on the platform does not age with the text it showed."""
    newer.unsure = newer.unsure or older.unsure
    remote_id = older.part.remote_id or newer.part.remote_id
    newer.part = replace(newer.part, remote_id=remote_id)


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, base.AdapterError) and not isinstance(error, base.Rejected)


def _patience(state: tenacity.RetryCallState) -> float:
    """The pause that the platform asked for, else one that grows, with jitter."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, base.RateLimited):
        return error.retry_after_s
    growing = tenacity.wait_exponential_jitter(multiplier=0.5, max=LONGEST_PAUSE_S, jitter=0.5)
    return growing(state)


class _Superseded(tenacity.stop.stop_base):
    """Stop trying when a newer text is to be shown instead."""

    def __init__(self, jobs: Mapping[tuple[str, int], Job], job: Job) -> None:
        self._jobs = jobs
        self._job = job

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        part = self._job.part
        return self._jobs.get((part.answer, part.index)) is not self._job
