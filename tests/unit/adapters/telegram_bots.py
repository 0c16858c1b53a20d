"""A Telegram adapter at work against our own Bot API server."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from adapters.base import AdapterError, Address, Cursor, MessageEvent, Rendered
from adapters.telegram.adapter import TelegramAdapter, TelegramSettings
from adapters.telegram.calls import Timeouts
from tests.fakes.telegram.server import TelegramServer, telegram_server
from tests.fakes.telegram.world import World

PATIENT = Timeouts(connect_s=60, answer_s=60, upload_s=60, poll_s=1, hung_s=60)
"""The server holds a poll open for whole seconds only."""


@dataclass(slots=True)
class Store:
    """Takes events as the bot does: `failures` calls are refused first."""

    events: list[MessageEvent] = field(default_factory=list[MessageEvent])
    cursors: list[Cursor | None] = field(default_factory=list[Cursor | None])
    failures: list[AdapterError] = field(default_factory=list[AdapterError])

    async def emit(self, events: Sequence[MessageEvent], cursor: Cursor | None) -> None:
        if self.failures:
            raise self.failures.pop()
        self.events += events
        self.cursors.append(cursor)

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.events]


@dataclass(slots=True)
class Rig:
    """A server, an adapter of its bot, and what that emitted."""

    server: TelegramServer
    adapter: TelegramAdapter
    store: Store = field(default_factory=Store)

    @property
    def world(self) -> World:
        return self.server.world

    def to(self, chat_id: int, **rest: str) -> Address:
        return Address("telegram", self.adapter.account, str(chat_id), direct=chat_id > 0, **rest)

    @asynccontextmanager
    async def running(self, cursor: Cursor | None = None) -> AsyncGenerator[asyncio.Task[None]]:
        """Receive while the block runs; a fault of the run's is in the task."""
        task = asyncio.create_task(self.adapter.run(self.store.emit, cursor))
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, AdapterError):
                await task


def text(source: str) -> Rendered:
    return Rendered(source, source)


async def until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def telegram(
    *,
    privacy: bool = True,
    token: str = "",
    webhook_url: str = "",
    webhook_secret: str = "",
    timeouts: Timeouts = PATIENT,
) -> AsyncGenerator[Rig]:
    """A server and an adapter, entered and not yet receiving."""
    async with telegram_server(World(privacy=privacy)) as server:
        settings = TelegramSettings(token or server.token, server.url, webhook_url, webhook_secret)
        async with TelegramAdapter(settings, timeouts, pauses=0.01) as adapter:
            yield Rig(server, adapter)
