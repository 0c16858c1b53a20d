"""Receiving: every adapter runs, again after a fault, and how its connection is can be seen.

An adapter's fault is its own: the others go on. One that its platform refuses (a wrong token, a
deactivated account) is tried again now and then, for somebody may mend it there.
"""

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from adapters.base import Adapter, AuthFailed, Cursor, Emit, MessageEvent, Transient
from adapters.capabilities import Connects, Link
from bot.delivery import Spawn
from bot.health import Metrics, PartState
from bot.pipeline import Pipeline
from storage.inbox import Inbox
from storage.records import StorageError

log = structlog.get_logger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
STEADY_S = 300.0
"""Whoever ran so long before a fault begins again with the shortest pause."""


class Intake:
    """What comes in, of all adapters."""

    def __init__(self, pipeline: Pipeline, inbox: Inbox, metrics: Metrics, spawn: Spawn) -> None:
        self._pipeline = pipeline
        self._inbox = inbox
        self._metrics = metrics
        self._spawn = spawn
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, adapters: Iterable[Adapter]) -> None:
        """Begin to receive, each from where it stood."""
        for adapter in adapters:
            cursor = await self._inbox.cursor(adapter.name, adapter.account)
            self._watch(adapter)
            self._tasks.append(self._spawn(self._keep_running(adapter, cursor)))

    def close(self) -> None:
        """Receive no more."""
        for task in self._tasks:
            task.cancel()

    async def _keep_running(self, adapter: Adapter, cursor: Cursor | None) -> None:
        emit = self._emit(adapter)
        loop = asyncio.get_running_loop()
        pause_s = FIRST_PAUSE_S
        while True:
            began = loop.time()
            try:
                return await adapter.run(emit, cursor)
            except AuthFailed as error:
                pause_s = LONGEST_PAUSE_S
                log.error("the platform refuses the bot", platform=adapter.name, why=str(error))
                _of(adapter).set_refused(str(error))
            except Exception as error:
                pause_s = FIRST_PAUSE_S if loop.time() - began > STEADY_S else pause_s
                log.exception("adapter failed", platform=adapter.name, again_in_s=pause_s)
                _of(adapter).set_down(str(error) or type(error).__name__)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            cursor = await self._cursor(adapter, cursor)

    async def _cursor(self, adapter: Adapter, known: Cursor | None) -> Cursor | None:
        """Where the adapter stands now; as far as was known, if storage is away."""
        try:
            return await self._inbox.cursor(adapter.name, adapter.account)
        except StorageError:
            return known

    def _emit(self, adapter: Adapter) -> Emit:
        async def emit(events: Sequence[MessageEvent], cursor: Cursor | None) -> None:
            try:
                await self._pipeline.emit(adapter.name, adapter.account, events, cursor)
            except StorageError as error:
                raise Transient(str(error)) from error

        return emit

    def _watch(self, adapter: Adapter) -> None:
        if not isinstance(adapter, Connects):
            return
        link, labels = adapter.link, (adapter.name, adapter.account)
        self._metrics.platform_up.labels(*labels).set_function(lambda: link.state == "up")
        self._metrics.platform_last_event.labels(*labels).set_function(
            lambda: link.last_event_at.timestamp() if link.last_event_at else 0
        )


def states(adapters: Iterable[Adapter]) -> dict[str, PartState]:
    """How each connection is; no platform's absence keeps the bot from being ready."""
    return {
        adapter.name: PartState(
            adapter.link.state == "up", adapter.link.detail or adapter.link.state, essential=False
        )
        for adapter in adapters
        if isinstance(adapter, Connects)
    }


def _of(adapter: Adapter) -> Link:
    """The adapter's link; one that nobody reads for an adapter without."""
    return adapter.link if isinstance(adapter, Connects) else Link()
