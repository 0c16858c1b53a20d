"""A Matrix adapter that runs alone, and what it handed over."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from adapters.base import Address, Cursor, Kind, MessageEvent, Rendered, Transient
from adapters.capabilities import Invitable
from adapters.markup import render
from adapters.matrix.adapter import MatrixAdapter, MatrixSettings
from tests.clients.matrix import PlainPerson
from tests.clients.matrix_js import SealedPerson
from tests.rigs.synapse import PASSWORD, Synapse, permissive

UNTIL_S = 60


@dataclass(slots=True)
class Inbox:
    """What was handed over, as storage keeps it: each event once, and the last cursor."""

    events: dict[str, MessageEvent] = field(default_factory=dict[str, MessageEvent])
    cursor: Cursor | None = None
    is_away: bool = False
    refused: int = 0

    async def emit(self, events: Sequence[MessageEvent], cursor: Cursor | None) -> None:
        if self.is_away:
            self.refused += 1
            raise Transient("storage is away")
        for event in events:
            self.events.setdefault(event.event_id, event)
        self.cursor = cursor

    def of(self, *kinds: Kind) -> list[MessageEvent]:
        """The events of these kinds."""
        return [event for event in self.events.values() if event.kind in kinds]

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.of(Kind.MESSAGE)]


@dataclass(slots=True)
class Account:
    """The bot's account on a server, its files, and what its storage holds."""

    server: Synapse
    user: str
    store: Path
    inbox: Inbox = field(default_factory=Inbox)

    def adapter(self, **settings: Any) -> MatrixAdapter:
        values: dict[str, Any] = {
            "homeserver": self.server.url,
            "user": self.user,
            "password": PASSWORD,
            "store_dir": self.store,
            "messages_per_minute": 60_000,
        }
        return MatrixAdapter(MatrixSettings(**(values | settings)))

    @asynccontextmanager
    async def running(self, **settings: Any) -> AsyncGenerator[MatrixAdapter]:
        """Run while the block runs, going where it is invited."""
        inbox = self.inbox
        async with self.adapter(**settings) as adapter:

            async def emit(events: Sequence[MessageEvent], cursor: Cursor | None) -> None:
                await inbox.emit(events, cursor)
                for event in events:
                    if event.kind is Kind.INVITE:
                        await _enter(adapter, event.address.room)

            run = asyncio.create_task(adapter.run(emit, inbox.cursor))
            try:
                await until(lambda: run.done() or adapter.link.state == "up")
                if run.done():
                    run.result()
                yield adapter
            finally:
                run.cancel()
                await asyncio.wait({run})


@asynccontextmanager
async def account(server: Callable[[], Synapse]) -> AsyncGenerator[Account]:
    """A fresh account of the bot's."""
    running = await asyncio.to_thread(server)
    user = await asyncio.to_thread(running.fresh, "parley")
    with tempfile.TemporaryDirectory(prefix="parley-matrix-") as directory:
        yield Account(running, user, Path(directory) / "store")


@asynccontextmanager
async def person(server: Synapse, name: str) -> AsyncGenerator[PlainPerson]:
    """Somebody in plain rooms."""
    someone = PlainPerson(server.url, await asyncio.to_thread(server.fresh, name))
    await someone.open()
    try:
        yield someone
    finally:
        await someone.close()


@asynccontextmanager
async def sealed_person(
    server: Synapse, name: str, *, signed_only: bool = False
) -> AsyncGenerator[SealedPerson]:
    """Somebody in encrypted rooms."""
    user = await asyncio.to_thread(server.fresh, name)
    someone = SealedPerson(server.url, user, signed_only=signed_only)
    await someone.open()
    try:
        yield someone
    finally:
        await someone.close()


@dataclass(frozen=True, slots=True)
class Scene:
    """Ann's room with a running bot."""

    bot: Account
    adapter: MatrixAdapter
    ann: PlainPerson
    room: str

    def shown(self) -> list[str]:
        """What stands there from the bot, as she sees it."""
        return [each.text for each in self.ann.timeline.shown(self.room, self.bot.user)]


@asynccontextmanager
async def set_up() -> AsyncGenerator[Scene]:
    """A scene with a fresh account."""
    async with (
        account(permissive) as bot,
        person(bot.server, "ann") as ann,
        bot.running() as adapter,
    ):
        yield Scene(bot, adapter, ann, await room_of(ann, bot.user))


async def room_of(someone: PlainPerson | SealedPerson, bot: str, **body: Any) -> str:
    """A room with the bot in it; a direct chat unless `body` says otherwise."""
    room = await someone.create({"is_direct": True, "invite": [bot]} | body)
    await until(lambda: (room, bot, "join") in someone.timeline.members)
    return room


def at(adapter: MatrixAdapter, room: str, **more: Any) -> Address:
    """A room as an address."""
    return Address("matrix", adapter.account, room, **more)


def body(markdown: str, *, growing: bool = False) -> Rendered:
    """A text as the bot hands it over."""
    rendered = render(markdown, "matrix")
    return Rendered(rendered.text, markdown, growing=growing)


def text(words: str, **more: Any) -> Mapping[str, Any]:
    """The content of a text."""
    return {"msgtype": "m.text", "body": words, **more}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(UNTIL_S):
        while not condition():
            await asyncio.sleep(0.02)


def first_minute() -> datetime:
    """A little while ago."""
    return datetime.now(UTC) - timedelta(minutes=1)


async def _enter(adapter: Invitable, room: str) -> None:
    await adapter.join(room)
