"""An adapter at our fake workspace, and what it handed over."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from adapters.base import Address, Cursor, Kind, MessageEvent, Rendered, Transient
from adapters.markup import render
from adapters.slack.adapter import SlackAdapter, SlackSettings
from adapters.slack.api import Timeouts
from tests.fakes.slack.people import App
from tests.fakes.slack.server import Mode, SlackServer, slack_server
from tests.fakes.slack.world import World

WAIT_S = 60.0
PATIENT = Timeouts(
    connect_s=WAIT_S,
    request_s=WAIT_S,
    transfer_s=WAIT_S,
    heartbeat_s=WAIT_S,
    names_s=WAIT_S,
    threads_s=WAIT_S,
)
ACCOUNT = "main"


@dataclass(slots=True)
class Bot:
    """What a bot does with an adapter. While `failing`, it can't store."""

    adapter: SlackAdapter
    server: SlackServer
    events: list[MessageEvent] = field(default_factory=list[MessageEvent])
    batches: int = 0
    failing: bool = False

    @property
    def world(self) -> World:
        return self.server.world

    async def emit(self, events: Sequence[MessageEvent], cursor: Cursor | None) -> None:
        if self.failing:
            raise Transient("the disk is full")
        self.events += events
        self.batches += 1

    @property
    def messages(self) -> list[str]:
        """The texts that were handed over."""
        return [event.text for event in self.events if event.kind is Kind.MESSAGE]

    def of(self, kind: Kind) -> list[MessageEvent]:
        return [event for event in self.events if event.kind is kind]

    async def hears(self, *texts: str) -> None:
        """Wait until exactly these messages were handed over."""
        try:
            await until(lambda: self.messages == list(texts))
        except TimeoutError:
            raise AssertionError(f"{self.messages} instead of {list(texts)}") from None

    async def all_is_confirmed(self) -> None:
        """Wait until Slack has nothing more to deliver."""
        await until(lambda: not self.world.deliveries.unacknowledged)


async def until(condition: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def settings_of(app: App, base_url: str, mode: Mode = "sockets") -> SlackSettings:
    """Settings that fit a workspace."""
    return SlackSettings(
        bot_token=app.bot_token,
        app_token=app.app_token if mode == "sockets" else "",
        signing_secret=app.signing_secret,
        base_url=base_url,
        workspace=ACCOUNT,
    )


@asynccontextmanager
async def workspace(mode: Mode = "sockets", timeouts: Timeouts = PATIENT) -> AsyncGenerator[Bot]:
    """An adapter that can send; it does not receive. What it is slow to confirm comes once."""
    async with slack_server(mode=mode) as server:
        server.world.deliveries.ack_s = WAIT_S
        settings = settings_of(server.world.app, server.url, mode)
        async with SlackAdapter(settings, timeouts, pauses=0.05) as adapter:
            yield Bot(adapter, server)


@asynccontextmanager
async def receiving(mode: Mode = "sockets", timeouts: Timeouts = PATIENT) -> AsyncGenerator[Bot]:
    """An adapter that receives."""
    async with workspace(mode, timeouts) as bot:
        running = asyncio.create_task(bot.adapter.run(bot.emit, None))
        try:
            await until(lambda: bot.adapter.link.state == "up" or running.done())
            yield bot
        finally:
            running.cancel()
            await asyncio.wait({running})


def body(markdown: str, *, growing: bool = False) -> Rendered:
    """A message's body, as delivery makes it."""
    if not growing:
        return render(markdown, "slack")
    shown = render(f"{markdown} …", "slack")
    return replace(shown, source=markdown, growing=True)


def place(channel: str, thread: str | None = None) -> Address:
    """A place to write to."""
    return Address("slack", ACCOUNT, channel, thread, direct=channel.startswith("D"))
