"""One room's messages on their way to the platform, in order.

A lane knows, for each part, the newest text to show: a preview is replaced by a newer one and by
the final body, never queued behind it. Whether an attempt is a send or an edit follows from the
part's remote id; after a crash or a lost response the platform is asked before anything is sent.
Where it can't be asked, only placeholders are ever sent, and the body comes by an edit.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog
import tenacity

from adapters import base, markup
from adapters.base import Adapter, Address, Button, MessageRef, Rendered
from bot.codec import address_of
from bot.health import Metrics
from bot.pace import Paces, pause_before_edit_s
from bot.patience import is_passing, pause_s
from storage.outbox import Outbox
from storage.records import Part, StorageError

log = structlog.get_logger(__name__)

GIVE_UP_S = 24 * 3600.0
"""How long an answer is tried before it is a dead letter: longer than a platform's bad day."""
STORAGE_PAUSE_S = 5.0
CLOCK_SKEW = timedelta(minutes=5)
PLACEHOLDER_CHARS = 120
WRITING = " …"
"""Ends what is shown of an answer that still grows."""
STOP = Button("stop", "⏹")
RATE = (Button("retry", "🔄"), Button("good", "👍"), Button("bad", "👎"))

Key = tuple[str, int]
"""An answer and the index of one of its parts."""


@dataclass(slots=True)
class Job:
    """What a part should show next. `unsure`: an earlier send of it may have arrived; `sent`: one
    of this very text, so that it stands as it should if it did.

    `preview` numbers the texts that are not final, from 1; 0 is the final body. One that is `whole`
    says what goes on before that: it does not grow, and no button stops it.
    """

    part: Part
    markdown: str | None
    preview: int = 0
    whole: bool = False
    unsure: bool = False
    sent: bool = False

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


@dataclass(slots=True)
class Placed:
    """A message that stands on the platform and is to change: how often it did, and when last."""

    remote_id: str
    edits: int = 0
    changed_at: float = 0.0


class Lane:
    """The messages of one room. `sends` and `edits` are its paces."""

    def __init__(
        self, adapter: Adapter, outbox: Outbox, metrics: Metrics, paces: tuple[Paces, Paces]
    ) -> None:
        self._adapter = adapter
        self._outbox = outbox
        self._metrics = metrics
        self._jobs: OrderedDict[Key, Job] = OrderedDict()
        self._placed: dict[Key, Placed] = {}
        self._sends, self._edits = paces
        self._rests_until = 0.0
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
            job.part = replace(job.part, remote_id=self._placed[key].remote_id)
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
            waits = {key: self._wait_s(key, job, now) for key, job in self._jobs.items()}
            key = min(waits, key=lambda key: waits[key])  # the first of those that need not wait
            if waits[key]:
                await _wait(self._changed, waits[key])
            else:
                await self._carry_out(key, self._jobs[key])

    def _wait_s(self, key: Key, job: Job, now: float) -> float:
        """A preview waits for its pace out here, where a newer text can take its place.

        What the platform asked to wait for holds for whatever comes next in this room.
        """
        return max(self._rests_until - now, self._paced_s(key, job, now))

    def _paced_s(self, key: Key, job: Job, now: float) -> float:
        if job.final:
            return 0.0
        if job.part.remote_id is None:
            return self._sends.wait_s(now, spare=True)
        placed = self._placed.get(key) or Placed(job.part.remote_id)
        pause_s = pause_before_edit_s(placed.edits, self._adapter.limits)
        if pause_s is None:
            return GIVE_UP_S  # the final body is what it waits for
        pause_s += placed.changed_at - now
        return max(pause_s, self._edits.wait_s(now, spare=True), 0.0)

    async def _carry_out(self, key: Key, job: Job) -> None:
        try:
            await self._try(key, job)
        except StorageError as error:  # the platform has it; asked again, it will say so
            log.warning("delivery waits for storage", message=job.part.answer, error=str(error))
            job.unsure = True
            await _wait(self._awake, STORAGE_PAUSE_S)

    async def _try(self, key: Key, job: Job) -> None:
        try:
            remote_id = await self._until_done(job)
            await self._record(job, remote_id)
        except StorageError:
            raise
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

    def _close(self, key: Key, job: Job, remote_id: str | None) -> None:
        was_edit = job.part.remote_id is not None
        job.part = replace(job.part, remote_id=remote_id)
        job.unsure = False
        placed = self._placed.pop(key, None)
        if remote_id and not job.final:
            edits = (placed.edits if placed else 0) + was_edit
            now = asyncio.get_running_loop().time()
            self._placed[key] = Placed(remote_id, edits, now)
        latest = self._jobs[key]
        if latest is job:
            del self._jobs[key]
        else:
            _inherit(latest, job)

    async def _give_up(self, key: Key, job: Job, error: Exception) -> None:
        latest = self._jobs[key]
        if latest is not job:  # a newer text is to be shown: that one is tried
            return _inherit(latest, job)
        if job.final:  # a preview that can't be shown is no loss; its final body will try
            reason = str(error) or type(error).__name__
            await self._outbox.dead(job.part.answer, job.part.index, reason)
            log.error("dead letter", message=job.part.answer, part=job.part.index, error=reason)
            self._metrics.dead_letters.labels(job.part.to.platform).inc()
            self._placed.pop(key, None)
        if self._jobs.get(key) is job:
            del self._jobs[key]
        return None

    async def _until_done(self, job: Job) -> str | None:
        """The part's remote id, after as many attempts as patience has."""
        retrying = tenacity.AsyncRetrying(
            sleep=self._pause,
            wait=pause_s,
            stop=tenacity.stop_any(
                tenacity.stop_after_delay(GIVE_UP_S), _Superseded(self._jobs, job)
            ),
            retry=tenacity.retry_if_exception(is_passing),
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
            job.unsure, job.sent = True, job.part.remote_id is None
            raise
        except base.AdapterError as error:
            if isinstance(error, base.RateLimited):
                self._rests_until = asyncio.get_running_loop().time() + error.retry_after_s
            if job.final and is_passing(error):
                await self._outbox.attempted(job.part.answer, job.part.index, str(error))
            raise

    async def _call(self, job: Job) -> str | None:
        to = address_of(job.part.to)
        if job.unsure and not job.part.remote_id:
            remote_id = await self._found(to, job)
            if remote_id:
                await self._keep_place(job, remote_id)
                if job.sent:
                    return remote_id
        if job.markdown is None:
            if job.part.remote_id:
                self._outbox.assert_held()
                await self._adapter.delete(MessageRef(to, job.part.remote_id))
            return None
        if job.part.remote_id:
            try:
                return await self._edit(to, job.part.remote_id, job.markdown, job)
            except base.Gone:
                if not job.final:
                    raise
                job.part = replace(job.part, remote_id=None)
        if job.final and not self._adapter.limits.can_find:
            return await self._edit(to, await self._place(to, job), job.markdown, job)
        return await self._send(to, self._body(job, job.markdown), job.key)

    async def _found(self, to: Address, job: Job) -> str | None:
        """The message that an earlier send of the part left, unless it is known as another's."""
        part = job.part
        found = await self._adapter.find(to, job.key, part.created_at - CLOCK_SKEW)
        if found is None:
            return None
        owners = await self._outbox.by_remote(part.to.platform, part.to.account, found.remote_id)
        is_other = any(
            (owner.answer, owner.index) != (part.answer, part.index)
            and address_of(owner.to).room == to.room
            for owner in owners
        )
        return None if is_other else found.remote_id

    async def _place(self, to: Address, job: Job) -> str:
        """Send a placeholder and keep its id, before its text comes by an edit."""
        words = markup.first_words(job.markdown or "", PLACEHOLDER_CHARS)
        rendered = markup.render(words, self._adapter.limits.dialect)
        placeholder = replace(rendered, growing=True)
        remote_id = await self._send(to, placeholder, job.key)
        await self._keep_place(job, remote_id)
        return remote_id

    async def _keep_place(self, job: Job, remote_id: str) -> None:
        """Keep where the part stands before it changes there, for then its key may change too."""
        job.part = replace(job.part, remote_id=remote_id)
        await self._outbox.placed(job.part.answer, job.part.index, remote_id)

    def _body(self, job: Job, markdown: str) -> Rendered:
        dialect = self._adapter.limits.dialect
        if job.final or job.whole:
            rendered = markup.render(markdown, dialect)
            return replace(rendered, buttons=RATE) if job.part.ratable else rendered
        rendered = markup.render(_growing(markdown), dialect)
        return replace(rendered, source=markdown, growing=True, buttons=(STOP,))

    async def _edit(self, to: Address, remote_id: str, markdown: str, job: Job) -> str:
        await _keep(self._edits)
        self._outbox.assert_held()
        await self._adapter.edit(MessageRef(to, remote_id), self._body(job, markdown), job.key)
        return remote_id

    async def _send(self, to: Address, body: Rendered, key: str) -> str:
        await _keep(self._sends)
        self._outbox.assert_held()
        return (await self._adapter.send(to, body, key)).remote_id

    async def _pause(self, seconds: float) -> None:
        self._awake.clear()
        await _wait(self._awake, seconds)


def _growing(markdown: str) -> str:
    """The text with the mark that more is to come, which must not reopen a fence's last line."""
    is_fence = markdown.rstrip("\n").rpartition("\n")[2].lstrip().startswith(("```", "~~~"))
    return f"{markdown}\n\n…" if is_fence else f"{markdown.rstrip()}{WRITING}"


def _inherit(newer: Job, older: Job) -> None:
    """What is known of the message on the platform does not age with the text it showed."""
    newer.unsure = newer.unsure or older.unsure
    remote_id = older.part.remote_id or newer.part.remote_id
    newer.part = replace(newer.part, remote_id=remote_id)


async def _keep(paces: Paces) -> None:
    wait_s = paces.take(asyncio.get_running_loop().time())
    if wait_s:
        await asyncio.sleep(wait_s)


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()


class _Superseded(tenacity.stop.stop_base):
    """Stop trying when a newer text is to be shown instead."""

    def __init__(self, jobs: Mapping[Key, Job], job: Job) -> None:
        self._jobs = jobs
        self._job = job

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        part = self._job.part
        return self._jobs.get((part.answer, part.index)) is not self._job
