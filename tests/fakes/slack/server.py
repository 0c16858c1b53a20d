"""The Web API, the sockets and the files over HTTP on a port of their own."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import time
from typing import Any, Literal

from aiohttp import web

from tests.fakes.faults import reset
from tests.fakes.slack.arguments import ApiError
from tests.fakes.slack.calling import Calling
from tests.fakes.slack.faults import (
    Delayed,
    Dropped,
    Failure,
    Faults,
    Patience,
    Refused,
    Reset,
    Truncated,
)
from tests.fakes.slack.methods import Methods
from tests.fakes.slack.sockets import Sockets
from tests.fakes.slack.tiers import Tiers
from tests.fakes.slack.world import World

Mode = Literal["sockets", "http"]


@dataclass(frozen=True, slots=True)
class Call:
    """A request that arrived, and when, on the loop's clock."""

    method: str
    arguments: dict[str, Any]
    at: float


@dataclass(slots=True)
class SlackServer:
    """The server's state."""

    world: World
    faults: Faults = field(default_factory=Faults)
    tiers: Tiers = field(default_factory=Tiers)
    calls: list[Call] = field(default_factory=list[Call])
    url: str = ""
    sockets: Sockets = field(init=False)
    methods: Methods = field(init=False)
    calling: Calling = field(init=False)

    def __post_init__(self) -> None:
        self.sockets = Sockets(self.world.deliveries)
        self.methods = Methods(self.world, self.sockets)
        self.calling = Calling(self.world.deliveries, self.world.app.signing_secret)

    def called(self, method: str) -> list[Call]:
        """The calls of a method."""
        return [call for call in self.calls if call.method == method]

    async def call(self, request: web.Request) -> web.StreamResponse:
        """Handle `/api/<method>`."""
        method = request.match_info["method"]
        given = await _arguments(request)
        channel = str(given.get("channel") or given.get("channel_id") or "")
        self.calls.append(Call(method, given, asyncio.get_running_loop().time()))
        fault = self.faults.take(method, channel)
        match fault:
            case Delayed(seconds):
                await asyncio.sleep(seconds)
            case Reset():
                return reset(request)
            case Failure(status):
                return web.Response(status=status, text="<html>upstream</html>")
            case Patience(wait):
                return _patience(wait)
            case _:
                pass
        wait_s = self.tiers.wait_s(method, channel, asyncio.get_running_loop().time())
        if wait_s:
            return _patience(str(wait_s))
        refusal = fault.code if isinstance(fault, Refused) else ""
        body = json.dumps(self._answer(method, _token(request, given), given, refusal))
        if isinstance(fault, Dropped):
            assert request.transport is not None
            request.transport.close()
        if isinstance(fault, Truncated):
            body = body[: len(body) // 2]
        scopes = ",".join(sorted(self.world.app.scopes))
        return web.Response(
            text=body, content_type="application/json", headers={"x-oauth-scopes": scopes}
        )

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Handle an answer to a slash command or a button."""
        target = self.world.responses.get(request.match_info["token"])
        self.calls.append(Call("response_url", await request.json(), time()))
        fault = self.faults.take("response_url", target.channel.id if target else "")
        if isinstance(fault, Patience):
            return _patience(fault.wait)
        if isinstance(fault, Failure):
            return web.Response(status=fault.status)
        if target is None or time() > target.expires_at:
            return web.json_response({"ok": False, "error": "expired_url"}, status=404)
        if not target.uses:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        given = await request.json()
        try:
            if given.get("response_type", "ephemeral") == "ephemeral":
                self.methods.whisper(target.channel, target.user, given)
            else:
                channel = {"channel": target.channel.id}
                self.methods.call("chat.postMessage", self.world.app.bot_token, given | channel)
        except ApiError as error:
            return web.Response(status=400, text=error.code)
        target.uses -= 1
        return web.Response(text="ok")

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Handle a private file: a page to sign in on for everybody but the bot."""
        file = self.world.files.get(request.match_info["id"])
        if request.headers.get("Authorization") != f"Bearer {self.world.app.bot_token}":
            return web.Response(text="<html>Sign in</html>", content_type="text/html")
        if file is None:
            return web.Response(status=404)
        return web.Response(body=file.content, content_type=file.mime)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Handle the content of a file."""
        if self.methods.receive(request.match_info["id"], await request.read()):
            return web.Response(text="OK")
        return web.Response(status=404)

    def _answer(self, method: str, token: str, given: dict[str, Any], code: str) -> dict[str, Any]:
        try:
            if code:
                raise ApiError(code)
            return {"ok": True, **self.methods.call(method, token, given)}
        except ApiError as error:
            return {"ok": False, "error": error.code, **error.more}


def _token(request: web.Request, given: dict[str, Any]) -> str:
    header = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return header or str(given.get("token", ""))


async def _arguments(request: web.Request) -> dict[str, Any]:
    """What a request gives, as a query, a form or JSON."""
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        return given | (await request.json() or {})
    return given | dict((await request.post()).items())


def _patience(wait: str) -> web.Response:
    return web.json_response(
        {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": wait}
    )


@asynccontextmanager
async def slack_server(
    world: World | None = None, mode: Mode = "sockets"
) -> AsyncGenerator[SlackServer]:
    """A running server on a free port of 127.0.0.1; in `http` mode it calls `calling.url`."""
    server = SlackServer(world or World())
    app = web.Application(client_max_size=60_000_000)
    app.router.add_route("*", "/api/{method}", server.call)
    app.router.add_get("/link/", server.sockets.serve)
    app.router.add_post("/response/{token}", server.respond)
    app.router.add_get("/files-pri/{id}/{name}", server.download)
    app.router.add_post("/upload/{id}", server.upload)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.world.root = f"http://127.0.0.1:{runner.addresses[0][1]}"
    server.url = f"{server.world.root}/api/"
    pump = server.sockets.pump if mode == "sockets" else server.calling.pump
    pumping = asyncio.create_task(pump())
    try:
        yield server
    finally:
        server.sockets.drop()
        pumping.cancel()
        await asyncio.wait({pumping})
        await runner.cleanup()
