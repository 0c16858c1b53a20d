"""A line between a bot and a real homeserver that loses responses and asks for patience.

Everything passes as it is; faults are for the bot's own events (`PUT …/send/…`), by room.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

import aiohttp
from aiohttp import web

_SEND = re.compile(r"/_matrix/client/[^/]+/rooms/([^/]+)/send/")
_HOP = frozenset({"connection", "content-encoding", "content-length", "host", "transfer-encoding"})


@dataclass(slots=True)
class Proxy:
    """The line's state. `lost` and `patience` count down by room; `refused` counts the 429s."""

    target: str
    url: str = ""
    lost: Counter[str] = field(default_factory=Counter[str])
    patience: dict[str, int] = field(default_factory=dict[str, int])
    refused: int = 0
    _session: aiohttp.ClientSession | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on, unless a fault meets it."""
        found = _SEND.match(request.path_qs)
        room = unquote(found[1]) if found else ""
        seconds = self.patience.pop(room, 0)
        if seconds:
            body = {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": seconds * 1000}
            return web.json_response(body, status=429, headers={"Retry-After": str(seconds)})
        status, headers, content = await self._passed(request)
        if found and status == 429:
            self.refused += 1
        if self.lost[room] > 0:
            self.lost[room] -= 1
            assert request.transport is not None
            request.transport.close()
        return web.Response(status=status, headers=headers, body=content)

    async def _passed(self, request: web.Request) -> tuple[int, dict[str, str], bytes]:
        assert self._session is not None
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP}
        async with self._session.request(
            request.method,
            f"{self.target}{request.path_qs}",
            headers=headers,
            data=await request.read(),
            allow_redirects=False,
        ) as response:
            kept = {k: v for k, v in response.headers.items() if k.lower() not in _HOP}
            return response.status, kept, await response.read()

    async def serve(self) -> AsyncGenerator[None]:
        """Serve while the generator is held."""
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            self._session = session
            app = web.Application(client_max_size=60_000_000)
            app.router.add_route("*", "/{path:.*}", self.handle)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            try:
                yield
            finally:
                await asyncio.wait_for(runner.cleanup(), 10)


@asynccontextmanager
async def proxy_to(target: str) -> AsyncGenerator[Proxy]:
    """A running line to `target`."""
    proxy = Proxy(target)
    async with asynccontextmanager(proxy.serve)():
        yield proxy
