"""The page alone, on a real port, and the events that it hands over."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import uvicorn
from starlette.applications import Starlette

from adapters.base import Address, Button, Cursor, Kind, MessageEvent, MessageRef, Transient
from adapters.capabilities import CommandHint
from adapters.markup import render
from adapters.web.adapter import PageSettings, WebAdapter
from adapters.web.people import People
from adapters.web.routes import PageRoutes
from adapters.web.store import Post
from tests.clients.page import Tab
from tests.unit.adapters.page_store import MemoryStore

TOKEN = "the-link-s-token"


NOW = datetime(2030, 1, 1, tzinfo=UTC)


def commands(language: str) -> list[CommandHint]:
    return [CommandHint("help", "", f"help in {language}")]


async def notice(language: str) -> str:
    return f"a demo, in {language}"


@dataclass(slots=True)
class Page:
    """A page that serves, and the events that it handed over."""

    store: MemoryStore
    adapter: WebAdapter
    base: str = ""
    events: list[MessageEvent] = field(default_factory=list[MessageEvent])
    fails: bool = False

    async def emit(self, events: Sequence[MessageEvent], cursor: Cursor | None) -> None:
        if self.fails:
            raise Transient("no space")
        self.events += events

    def of(self, *kinds: Kind) -> list[MessageEvent]:
        return [event for event in self.events if event.kind in kinds]

    def address(self, room: str) -> Address:
        return Address("web", "page", room)

    async def say(
        self, room: str, text: str, key: str, buttons: tuple[Button, ...] = ()
    ) -> MessageRef:
        body = replace(render(text, "html"), buttons=buttons)
        return await self.adapter.send(self.address(room), body, key)

    def tab(self, name: str) -> AbstractAsyncContextManager[Tab]:
        """Somebody new, at the page while the block runs."""
        return Tab(f"{self.base}/?token={TOKEN}", name).present()


@asynccontextmanager
async def serving() -> AsyncGenerator[Page]:
    """A page that serves while the block runs."""
    settings = PageSettings("Parley", notice, commands, lambda text: text.replace("\0", ""))
    store = MemoryStore()
    page = Page(store, WebAdapter(store, settings))
    routes = PageRoutes(page.adapter, People(store, TOKEN, "Parley"), settings).routes()
    config = uvicorn.Config(
        Starlette(routes=routes), port=0, log_config=None, lifespan="off", ws="websockets-sansio"
    )
    server = uvicorn.Server(config)
    receiving = asyncio.create_task(page.adapter.run(page.emit, None))
    server_task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    page.base = f"http://127.0.0.1:{port}"
    yield page
    receiving.cancel()
    server.should_exit = True
    await asyncio.wait({server_task, receiving})


async def room_of(tab: Tab, name: str = "Kitchen") -> str:
    room = await tab.do("create", name=name)
    await tab.until(lambda: any(each["id"] == room for each in tab.rooms))
    return room


def post_of(room: str, post_id: str, text: str = "text") -> Post:
    return Post(post_id, room, "", "Parley", text, NOW)
