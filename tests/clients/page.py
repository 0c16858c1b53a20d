"""A browser tab without a browser: joins, speaks, and sends again what is not acknowledged.

It follows the page's own rules (see `adapters/web/wire.py`), so that what it loses a tab would.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

Frame = dict[str, Any]


@dataclass(slots=True)
class Tab:
    """One person at the page. `link` is what `parley run` printed."""

    link: str
    name: str
    id: str = ""
    language: str = ""
    posts: dict[str, Frame] = field(default_factory=dict[str, Frame])
    rooms: list[Frame] = field(default_factory=list[Frame])
    frames: list[Frame] = field(default_factory=list[Frame])
    unacknowledged: dict[str, Frame] = field(default_factory=dict[str, Frame])
    growing: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """By room, the blocks of an answer that is being written, as HTML."""
    refused: dict[str, str] = field(default_factory=dict[str, str])
    seq: int = 0
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)
    _socket: ClientConnection | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def base(self) -> str:
        return self.link.partition("/?")[0]

    @property
    def direct(self) -> str:
        """The room with the bot."""
        return next(room["id"] for room in self.rooms if room["direct"])

    async def join(self) -> None:
        """Follow the link and join under the name."""
        async with httpx.AsyncClient(timeout=60) as http:
            entered = await http.get(self.link)
            assert entered.status_code == 303
            asked = {"name": self.name, "language": self.language}
            joined = await http.post(f"{self.base}/page/join", json=asked)
            joined.raise_for_status()
            self.id = joined.json()["id"]
            self.cookies = http.cookies

    @asynccontextmanager
    async def present(self, timeout_s: float = 60) -> AsyncGenerator[Self]:
        """Be at the page while the block runs; who is new joins."""
        if not self.id:
            await self.join()
        staying = asyncio.create_task(self.stay())
        try:
            await self.until(lambda: self.rooms, timeout_s)
            yield self
        finally:
            staying.cancel()
            await asyncio.wait({staying})

    async def stay(self) -> None:
        """Be connected, again and again, until cancelled."""
        while True:
            with suppress(OSError, ConnectionClosed, InvalidHandshake, EOFError):
                await self._once()
            await asyncio.sleep(0.02)

    async def say(self, room: str, text: str, reply_to: str = "") -> str:
        """Write a message; its id."""
        return await self.do("say", room=room, text=text, reply_to=reply_to)

    async def do(self, what: str, **fields: object) -> str:
        """Act; it is sent until it is acknowledged."""
        action_id = str(uuid4())
        self.unacknowledged[action_id] = {"do": what, "id": action_id, **fields}
        if self._socket:
            with suppress(ConnectionClosed):
                await self._socket.send(json.dumps(self.unacknowledged[action_id]))
        return action_id

    async def send(self, text: str) -> None:
        """Send what no page would."""
        assert self._socket
        await self._socket.send(text)

    async def ask(self, what: str, **fields: object) -> None:
        """Send a frame that nothing acknowledges."""
        assert self._socket
        await self._socket.send(json.dumps({"do": what, **fields}))

    def shown(self, room: str) -> list[str]:
        """The bot's posts in a room, in order."""
        return [post["text"] for post in self.seen(room) if not post["author"]]

    def seen(self, room: str) -> list[Frame]:
        posts = [p for p in self.posts.values() if p["room"] == room and not p["removed"]]
        return sorted(posts, key=lambda post: post["order"])

    async def until(self, condition: Any, timeout_s: float = 60) -> None:
        """Wait until the tab shows that a condition holds."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def _once(self) -> None:
        url = f"{self.base.replace('http', 'ws', 1)}/page/live?as={self.id}&after={self.seq}"
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"cookie": cookie, "origin": self.base}
        async with connect(url, additional_headers=headers, open_timeout=60) as socket:
            self._take(json.loads(await socket.recv()))
            self._socket = socket
            try:
                for frame in list(self.unacknowledged.values()):
                    await socket.send(json.dumps(frame))
                async for message in socket:
                    self._take(json.loads(message))
            finally:
                self._socket = None

    def _take(self, frame: Frame) -> None:
        self.frames.append(frame)
        match frame["is"]:
            case "welcome":
                self.rooms = frame["rooms"]
                self.growing.clear()
            case "preview" if "blocks" in frame:
                shown = self.growing.get(frame["room"], [])[: frame["from"]]
                self.growing[frame["room"]] = shown + frame["blocks"]
            case "preview":
                self.growing.pop(frame["room"], None)
            case "post":
                if not frame["post"]["author"]:
                    self.growing.pop(frame["post"]["room"], None)
                self.posts[frame["post"]["id"]] = frame["post"]
                self.seq = max(self.seq, frame["post"]["seq"])
            case "history":
                self.posts |= {post["id"]: post for post in frame["posts"]}
            case "room":
                self.rooms.append(frame["room"])
            case "taken":
                self.unacknowledged.pop(frame["id"], None)
            case "refused":
                self.unacknowledged.pop(frame["id"], None)
                self.refused[frame["id"]] = frame["why"]
            case _:
                pass
        self._changed.set()


@asynccontextmanager
async def all_present(tabs: Iterable[Tab], timeout_s: float = 60) -> AsyncGenerator[None]:
    """Several people at the page while the block runs."""
    async with AsyncExitStack() as stack:
        for tab in tabs:
            await stack.enter_async_context(tab.present(timeout_s))
        yield
