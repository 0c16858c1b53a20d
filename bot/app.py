"""The composition root: builds every part, starts them in order, and stops them in order.

Start: the engine's process (its model loads beside), storage, what an earlier run left, platforms,
the port, the control socket. Stop: intake, answers, engine, outbox, storage.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from adapters.base import Adapter, Cursor, Emit, MessageEvent, Transient
from adapters.console import PLATFORM as CONSOLE
from adapters.console import ConsoleAdapter
from bot.answer import Answering, Memory
from bot.commands import Desk
from bot.config import Settings
from bot.control import Control, socket_path
from bot.delivery import Delivery
from bot.health import Metrics, PartState, Readiness
from bot.office import tasks_for
from bot.pipeline import Pipeline
from bot.reply import Outlet, Sinks
from bot.secret import kept_secret
from bot.sessions import Sessions
from bot.texts import texts_for
from engine.base import Engine
from storage.database import Database
from storage.inbox import Inbox
from storage.members import Members
from storage.outbox import Outbox
from storage.page import Page
from storage.records import StorageError
from storage.turns import Turns

log = structlog.get_logger(__name__)

LONGEST_RESTART_PAUSE_S = 60.0
OUTBOX_DRAIN_S = 5.0


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
        self._adapters: dict[tuple[str, str], Adapter] = {}
        self._given = engine or _engine(settings), adapters
        self._tasks: asyncio.TaskGroup
        self._database: Database
        self._engine: Engine

    def stop(self) -> None:
        """Begin to stop; may be called more than once."""
        self._stopping.set()

    async def run(self, started: Callable[[Running], None] = lambda _: None) -> None:
        """Run until `stop`. Raises `ConfigError`s and `StorageError`s of the start."""
        async with AsyncExitStack() as stack:
            engine, adapters = self._given
            self._engine = await stack.enter_async_context(engine)
            for adapter in adapters:
                self._add(adapter)
            self._database = await stack.enter_async_context(
                Database(self.settings.storage.path, observe=self.metrics.committed)
            )
            stack.enter_context(_alone())
            self._tasks = await stack.enter_async_context(asyncio.TaskGroup())
            await self._serve(started)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task whose failure is logged and stops nothing else."""
        return self._tasks.create_task(_guarded(work))

    async def _serve(self, started: Callable[[Running], None]) -> None:
        database = self._database
        memory = Memory(Inbox(database), Outbox(database), Turns(database))
        delivery = Delivery(memory.outbox, self._adapters, self.spawn, self.metrics)
        outlet = Outlet(memory.outbox, delivery)
        sinks = Sinks(self._adapters, outlet, self.settings.bot.language)
        answering = Answering(self.settings, self._engine, memory, delivery, sinks, self.metrics)
        sessions = Sessions(answering, self.spawn)
        desk = Desk(
            settings=self.settings,
            engine=self._engine,
            memory=memory,
            members=Members(database),
            sessions=sessions,
            answering=answering,
            delivery=delivery,
            adapters=self._adapters,
            started_at=datetime.now(UTC),
        )
        pipeline = Pipeline(desk, self.spawn, self.metrics)
        self._observe(desk)
        console = ConsoleAdapter(partial(delivery.wake, CONSOLE))
        self._add(console)
        async with AsyncExitStack() as doors:
            url = ""
            if self.settings.web.enabled:
                url = await doors.enter_async_context(self._port(desk, pipeline, sinks))
            receiving = await self._receive(pipeline)
            await delivery.recover()
            recovered = await pipeline.recover()
            control = Control(socket_path(database.path), console, tasks_for(desk, database))
            await doors.enter_async_context(control.listening())
            log.info("started", recovered=recovered, url=url.partition("?")[0])
            started(Running(url, desk, console))
            await self._stopping.wait()
            log.info("stopping", seconds=self.settings.bot.drain_s)
            pipeline.close()
            for task in receiving:
                task.cancel()
            await sessions.drain(self.settings.bot.drain_s)
            await delivery.drain(OUTBOX_DRAIN_S)

    def _add(self, adapter: Adapter) -> None:
        self._adapters[adapter.name, adapter.account] = adapter

    @asynccontextmanager
    async def _port(self, desk: Desk, pipeline: Pipeline, sinks: Sinks) -> AsyncGenerator[str]:
        """The page and the HTTP API, on one port; the link that opens the page."""
        from adapters.web.adapter import PageSettings, WebAdapter  # imported only where it serves
        from adapters.web.people import People
        from adapters.web.routes import PageRoutes
        from bot.api import ChatApi
        from bot.bearer import Bearer
        from bot.guard import Guard
        from bot.http import Health, application
        from bot.openai_api import OpenAiApi
        from bot.page import StoredPage, command_hints
        from bot.port import Port

        web = self.settings.web
        port = Port(web)
        token = kept_secret(self._database.path.with_suffix(".page-key"))
        store = StoredPage(Page(self._database))
        settings = PageSettings(
            self.settings.bot.name, self._notice(), command_hints, pipeline.redact
        )
        page = WebAdapter(store, settings)
        people = People(store, token, settings.bot_name)
        self._add(page)
        bearer = Bearer(self.settings.api.tokens, is_local=web.is_for_this_machine)
        routes = [
            *PageRoutes(page, people, settings).routes(),
            *ChatApi(desk, pipeline, sinks, bearer, self.spawn).routes(),
            *OpenAiApi(self.settings, self._engine, bearer).routes(),
            *Health(self.metrics, self.readiness).routes(),
        ]
        async with port.serving(Guard(application(routes), web.allowed_hosts)):
            yield f"{port.url}/?token={token}"

    def _notice(self) -> str:
        texts = texts_for(self.settings.bot.language)
        engine = self.settings.engine
        return texts.demo_notice if (engine.kind, engine.model) == ("llama", "demo") else ""

    async def _receive(self, pipeline: Pipeline) -> list[asyncio.Task[None]]:
        tasks: list[asyncio.Task[None]] = []
        for (platform, account), adapter in self._adapters.items():
            emit = _emit(pipeline, platform, account)
            cursor = await Inbox(self._database).cursor(platform, account)
            tasks.append(self.spawn(_keep_running(adapter, emit, cursor)))
        return tasks

    def _observe(self, desk: Desk) -> None:
        self.metrics.sessions.set_function(lambda: len(desk.sessions))
        self.metrics.waiting.set_function(lambda: desk.sessions.waiting)

    async def readiness(self) -> Readiness:
        """The state of each part."""
        status = await self._engine.status()
        self.metrics.engine_restarts.set(status.restarts)
        parts = {
            "engine": PartState(status.state == "ready", status.detail or status.state),
            "storage": await self._storage_state(),
        }
        if self._stopping.is_set():
            parts["bot"] = PartState(ready=False, detail="stopping")
        return Readiness(parts)

    async def _storage_state(self) -> PartState:
        try:
            await self._database.writable()
        except StorageError as error:
            return PartState(ready=False, detail=str(error))
        return PartState(ready=True, detail="takes writes")


@contextmanager
def _alone() -> Generator[None]:
    """A task group's one error as itself: what fails the start is for a person to read."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


def _emit(pipeline: Pipeline, platform: str, account: str) -> Emit:
    async def emit(events: Sequence[MessageEvent], cursor: Cursor | None) -> None:
        try:
            await pipeline.emit(platform, account, events, cursor)
        except StorageError as error:
            raise Transient(str(error)) from error

    return emit


async def _keep_running(adapter: Adapter, emit: Emit, cursor: Cursor | None) -> None:
    """Receive; after a fault again, with growing pauses. Other platforms go on."""
    pause_s = 1.0
    while True:
        try:
            return await adapter.run(emit, cursor)
        except Exception:
            log.exception("adapter failed", platform=adapter.name, again_in_s=pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, LONGEST_RESTART_PAUSE_S)


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("a task failed")


@asynccontextmanager
async def _engine(settings: Settings) -> AsyncGenerator[Engine]:
    """The engine that the settings ask for, started and not yet ready."""
    match settings.engine.kind:
        case "scripted":
            from engine.scripted import ScriptedEngine

            yield ScriptedEngine(
                token_delay_s=settings.engine.scripted_delay_s,
                context_tokens=settings.engine.context_tokens,
            )
        case "remote":
            from engine.remote import RemoteEngine

            async with RemoteEngine(
                base_url=settings.engine.base_url,
                model=settings.engine.model,
                api_key=settings.engine.api_key.get_secret_value(),
                context_tokens=settings.engine.context_tokens,
            ) as engine:
                yield engine
        case "llama":
            from bot.model import chosen
            from engine.client import WorkerEngine
            from engine.frames import Load
            from engine.plan import Plan

            model = chosen(settings)
            plan = Plan(
                context_tokens=settings.engine.context_tokens,
                sequences=settings.engine.sequences,
                threads=settings.engine.threads,
                waiting=settings.engine.max_waiting,
            )
            load = Load(str(model.path), model.sha256, model.name, plan)
            async with WorkerEngine(load) as engine:
                yield engine
