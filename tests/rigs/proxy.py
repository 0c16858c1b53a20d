"""A line to a homeserver on which things go wrong: lost answers, silence, refusals, late keys."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

MAX_BODY_BYTES = 64 << 20
KEPT = ("Authorization", "Content-Type")


@dataclass(slots=True)
class Line:
    """What the line does to the calls that pass. `url` is where it begins.

    `loses(call)`: carry it out and lose the answer. `holds(call)`: never carry it out, and stay
    silent. `refuses(call)`: ask for so many seconds of patience, 0 for none. `keys_wait`: keep
    messages between devices back until it is false again. A call is `PUT /path`. `passed` are all
    calls that were carried out, `too_fast` counts those that the server refused for their pace.
    """

    url: str = ""
    loses: Callable[[str], bool] = lambda _: False
    holds: Callable[[str], bool] = lambda _: False
    refuses: Callable[[str], int] = lambda _: 0
    keys_wait: bool = False
    passed: list[str] = field(default_factory=list[str])
    lost: int = 0
    held: int = 0
    too_fast: int = 0
    _late: list[Any] = field(default_factory=list[Any])
    _given: dict[str, int] = field(default_factory=dict[str, int])
    _end: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, upstream: str, http: aiohttp.ClientSession, request: web.Request) -> Any:
        """Pass one call on."""
        call = f"{request.method} {request.path}"
        if self.holds(call):
            self.held += 1
            await self._end.wait()
        if seconds := self.refuses(call):
            return _patience(seconds)
        if call.endswith("/sync"):
            self._acknowledge(request.query.get("since", ""))
        headers = {name: request.headers[name] for name in KEPT if name in request.headers}
        async with http.request(
            request.method, upstream + request.raw_path, data=await request.read(), headers=headers
        ) as answer:
            status, kind, raw = answer.status, answer.content_type, await answer.read()
        self.passed.append(call)
        self.too_fast += status == 429
        if self.loses(call):
            self.lost += 1
            assert request.transport
            request.transport.abort()
        if call.endswith("/sync") and status == 200:
            raw = self._with_keys(raw)
        return web.Response(status=status, body=raw, content_type=kind)

    def end(self) -> None:
        """Let go of whoever waits."""
        self._end.set()

    def _acknowledge(self, since: str) -> None:
        """As a homeserver does: what a batch brought is kept until the next one is asked for."""
        if since in self._given:
            del self._late[: self._given[since]]
            self._given.clear()

    def _with_keys(self, raw: bytes) -> bytes:
        batch: dict[str, Any] = json.loads(raw)
        events: list[Any] = batch.get("to_device", {}).get("events", [])
        self._late += events
        batch["to_device"] = {"events": []}
        if not self.keys_wait:
            batch["to_device"] = {"events": self._late}
            self._given[batch["next_batch"]] = len(self._late)
        return json.dumps(batch).encode()


def _patience(seconds: int) -> web.Response:
    body = {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": seconds * 1000}
    return web.json_response(body, status=429, headers={"Retry-After": str(seconds)})


@asynccontextmanager
async def line_to(upstream: str) -> AsyncGenerator[Line]:
    """A line to the server at `upstream`."""
    line = Line()
    async with aiohttp.ClientSession(auto_decompress=True) as http:

        async def answer(request: web.Request) -> web.StreamResponse:
            return await line.answer(upstream, http, request)

        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        line.url = f"http://{host}:{port}"
        try:
            yield line
        finally:
            line.end()
            await runner.cleanup()
