"""The composition root: has every part built, starts them in order, and stops them in order.

Start: the engine's process (its model loads beside), storage, what an earlier run left, platforms,
the port, the control socket. Stop: intake, answers, engine, outbox, storage.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from adapters.base import Adapter
from adapters.console import PLATFORM as CONSOLE
from adapters.console import ConsoleAdapter
from bot.codec import answer_key, from_record
from bot.commands import Desk
from bot.config import Settings
from bot.control import Control, ControlError, Progress, socket_path
from bot.furnishing import Ground, furnished
from bot.health import Metrics, PartState, Readiness, storage_part
from bot.intake import Intake, states
from bot.keeping import Keeping
from bot.key_age import KeyAge, remind
from bot.keyring import keyring_of
from bot.office import tasks_for
from bot.parts import Site, engine_of, platforms, port
from bot.pipeline import Pipeline
from bot.place import place_of
from bot.standby import Standby
from bot.tasks import alone, first, guarded
from engine.base import Engine
from storage.audit import Audit
from storage.beat import keep
from storage.clock import utc_now
from storage.database import Database
from storage.key import Keyring
from storage.lease import Lease
from storage.lookout import Lookout
from storage.opening import Place, leasing, opened
from storage.records import AuditEntry, Fenced, Full, StorageError, Unavailable
from storage.search import Search
from storage.store import Store

log = structlog.get_logger(__name__)

OUTBOX_DRAIN_S = 5.0
LEAST_GRACE_S = 24.0
"""With what the database may take then (`LEAVE_S`), less than service managers grant."""
STORAGE_ANSWERS_S = 5.0


@dataclass(frozen=True, slots=True)
class Running:
    """What a started bot tells of itself. `url` is empty without a page."""

    url: str
    desk: Desk
    console: ConsoleAdapter


class App:
    """One bot. `adapters` come beside those that the settings ask for."""

    def __init__(
        self,
        settings: Settings,
        *,
        engine: AbstractAsyncContextManager[Engine] | None = None,
        adapters: Sequence[Adapter] = (),
    ) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self._stopping = asyncio.Event()
        self._over = asyncio.Event()
        """Set when this bot is to answer no more, for now or for ever."""
        self._bound: asyncio.Timeout | None = None
        self._lease: Lease | None = None
        self._keys = Keyring()
        self._adapters: dict[tuple[str, str], Adapter] = {}
        self._given = engine or engine_of(settings), adapters
        self._tasks: asyncio.TaskGroup
        self._store: Store
        self._database: Database
        self._engine: Engine

    def stop(self) -> None:
        """Begin to stop; may be called more than once."""
        self._stopping.set()
        self._over.set()
        if self._bound and self._bound.when() is None:
            self._bound.reschedule(asyncio.get_running_loop().time() + self.grace_s)

    @property
    def grace_s(self) -> float:
        """How long all that has begun may take to end; what takes longer hangs."""
        return max(self.settings.bot.drain_s + OUTBOX_DRAIN_S, LEAST_GRACE_S)

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping.is_set()

    async def run(
        self,
        started: Callable[[Running], None] = lambda _: None,
        aside: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Run until `stop`. Raises `ConfigError`s and `StorageError`s of the start.

        With a standby, it stands by until it has the lease, and again when that is lost: `aside`
        is told the page's address then, `started` whenever it begins to answer. What hangs when it
        is told to stop, in a dead mount say, is left behind.
        """
        bound = asyncio.timeout(None)
        try:
            async with bound:
                self._bound = bound
                await self._run(started, aside)
        except TimeoutError:
            if not bound.expired():
                raise
            log.warning("what hangs is left behind; the next start takes it up again")
        finally:
            self._bound = None

    async def _run(self, started: Callable[[Running], None], aside: Callable[[str], None]) -> None:
        place = place_of(self.settings)
        async with AsyncExitStack() as stack:
            self._keys = await asyncio.to_thread(keyring_of, self.settings)
            self._engine = await stack.enter_async_context(self._given[0])
            self._lease = stack.enter_context(leasing(place))
            self.metrics.leased(self._lease)
            if self._lease is None:
                return await self._answer(self._opened(place), started)
            lookout = Lookout(place.path, self._lease, self._keys.current)
            await stack.enter_async_context(lookout)
            standby = Standby(self.settings, lookout, self._lease)
            while not self.is_stopping:
                try:
                    async with AsyncExitStack() as taken:
                        if store := await self._stand_by(standby, aside, taken):
                            await self._answer(nullcontext(store), started)
                except (Fenced, Full, Unavailable) as error:
                    log.warning("this bot does not answer any more", reason=str(error))
                    await standby.rest()
        return None

    def _opened(self, place: Place) -> AbstractAsyncContextManager[Store]:
        return opened(place, self.metrics.committed, self._keys.current, self._lease)

    async def _answer(
        self, storage: AbstractAsyncContextManager[Store], started: Callable[[Running], None]
    ) -> None:
        self._over = asyncio.Event() if not self.is_stopping else self._stopping
        self._adapters.clear()
        async with AsyncExitStack() as stack:
            self._store = await stack.enter_async_context(storage)
            self._database = self._store.database
            if await Search(self._database).mend():  # a long write, and no beat comes in between
                log.warning("the index of what was said was built anew")
            for adapter in (*platforms(self.settings), *self._given[1]):
                await self._enter(adapter, stack)
            stack.enter_context(alone())
            self._tasks = await stack.enter_async_context(asyncio.TaskGroup())
            holding = self.spawn(self._hold())
            await self._serve(started)
            holding.cancel()

    async def _hold(self) -> None:
        """Keep the lease, if there is one, and end when it is lost."""
        if self._lease:
            log.info("this bot has the lease", epoch=self._lease.epoch)
            await keep(self._lease, self._database)
            self._over.set()

    async def _stand_by(
        self, standby: Standby, aside: Callable[[str], None], taken: AsyncExitStack
    ) -> Store | None:
        """Until the lease is taken, and the storage open; None when told to stop before.

        There is a port and a socket if that is not at once.
        """
        storage = self._opened(place_of(self.settings))
        if await standby.look():
            return await taken.enter_async_context(storage)
        from bot.aside import Aside  # imported only where somebody stands by

        async with Aside(self.settings, standby, self.metrics, self._engine_state).open() as url:
            log.info("standing by", why=standby.state.detail, url=url)
            aside(url)
            await first(standby.watch(), self._stopping.wait())
            return None if self.is_stopping else await taken.enter_async_context(storage)

    async def _hand_over(
        self, audit: Audit, request: Mapping[str, Any], progress: Progress
    ) -> object:
        """End as if stopped, give the lease up, and stand by."""
        if self._lease is None:
            raise ControlError("this bot shares its database with nobody: see storage.standby")
        await audit.add(AuditEntry(str(request["actor"]), "failover", self._lease.label))
        self._over.set()
        return {"role": "primary"}

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task whose failure is logged and stops nothing else."""
        return self._tasks.create_task(guarded(work))

    async def _serve(self, started: Callable[[Running], None]) -> None:
        ground = Ground(
            self.settings, self._store, self._engine, self._keys, self._adapters, self.metrics
        )
        desk, sinks = await furnished(ground, self.spawn, self.stop)
        pipeline = Pipeline(desk, self.spawn, self.metrics)
        intake = Intake(pipeline, desk.memory.inbox, self.metrics, self.spawn)
        self._observe(desk)
        console = ConsoleAdapter(partial(desk.delivery.wake, CONSOLE))
        self._add(console)
        # Read before anything new can come in: what comes now is dispatched as it is recorded.
        unfinished = await desk.memory.inbox.pending()
        async with AsyncExitStack() as doors:
            url = ""
            if self.settings.web.enabled:
                readiness = partial(self.readiness, desk)
                site = Site(desk, pipeline, sinks, self.metrics, readiness, self.spawn)
                url = await doors.enter_async_context(port(site, self._database, self._add))
            awaited = {answer_key(from_record(each.event)) for each in unfinished}
            await desk.delivery.recover(awaited)
            await pipeline.recover(unfinished)
            await intake.open(self._adapters.values())
            self.spawn(desk.offer_menus())
            async with self._regular(desk):
                await doors.enter_async_context(self._control(desk, console).listening())
                log.info("started", recovered=len(unfinished), url=url.partition("?")[0])
                started(Running(url, desk, console))
                await self._over.wait()
                pipeline.close()
                intake.close()
                await self._drain(desk)

    @asynccontextmanager
    async def _regular(self, desk: Desk) -> AsyncGenerator[None]:
        """What is done again and again while the bot answers."""
        keeping = Keeping(self.settings.storage, desk.audit, desk.erasures, desk.expiry)
        tasks = [self.spawn(keeping.run()), self.spawn(remind(desk.key_age))]
        if desk.backups:
            tasks.append(self.spawn(desk.backups.run()))
        yield
        for task in tasks:
            task.cancel()
        self._database.assert_held()
        await keeping.finish()

    def _control(self, desk: Desk, console: ConsoleAdapter) -> Control:
        hand_over = partial(self._hand_over, desk.audit)
        tasks = {**tasks_for(desk, self._database), "failover": hand_over}
        return Control(socket_path(place_of(self.settings).here), console, tasks)

    async def _drain(self, desk: Desk) -> None:
        """Let what has begun come to its end."""
        patience_s = self._patience_s()
        log.info("stopping", seconds=patience_s)
        await desk.sessions.drain(patience_s)
        await desk.delivery.drain(min(OUTBOX_DRAIN_S, patience_s))

    def _patience_s(self) -> float:
        """How long what has begun may take to end: no time when another bot goes on with it."""
        if self._lease and not self._lease.is_held:
            return 0.0
        return self.settings.bot.drain_s

    async def _enter(self, adapter: Adapter, stack: AsyncExitStack) -> None:
        if isinstance(adapter, AbstractAsyncContextManager):
            await stack.enter_async_context(adapter)
        self._add(adapter)

    def _add(self, adapter: Adapter) -> None:
        self._adapters[adapter.name, adapter.account] = adapter

    def _observe(self, desk: Desk) -> None:
        self.metrics.sessions.set_function(lambda: len(desk.sessions))
        self.metrics.waiting.set_function(lambda: desk.sessions.waiting)
        self.metrics.storage_key_age.set_function(lambda: desk.key_age.seconds(utc_now()))

    async def readiness(self, desk: Desk) -> Readiness:
        """The state of each part."""
        parts = {
            "engine": await self._engine_state(),
            "storage": await self._storage_state(desk.key_age),
            **states(self._adapters.values()),
        }
        if desk.backups:
            parts["backup"] = desk.backups.part()
        if self._stopping.is_set():
            parts["bot"] = PartState(ready=False, detail="stopping")
        return Readiness(parts)

    async def _engine_state(self) -> PartState:
        status = await self._engine.status()
        self.metrics.computed(status)
        return PartState(status.state == "ready", status.detail or status.state)

    async def _storage_state(self, key_age: KeyAge) -> PartState:
        try:
            async with asyncio.timeout(STORAGE_ANSWERS_S):
                await self._database.writable()
                condition = await self._store.condition()
        except TimeoutError:
            return PartState(ready=False, detail="its file system does not answer")
        except StorageError as error:
            return PartState(ready=False, detail=str(error))
        self.metrics.stored(condition)
        risk = self._database.verdict.risk or place_of(self.settings).risk
        return storage_part(condition, risk, key_age.reminder(utc_now()))
