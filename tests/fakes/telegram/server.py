"""The Bot API over HTTP on a port of its own, and the deliveries to a webhook."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from tests.fakes.faults import reset
from tests.fakes.telegram.faults import (
    Delayed,
    Dropped,
    Failure,
    Fault,
    Faults,
    Patience,
    Reset,
    Shuffled,
    Truncated,
)
from tests.fakes.telegram.flood import Flood
from tests.fakes.telegram.methods import ApiError, Methods, UploadedFile
from tests.fakes.telegram.world import World

PACED = frozenset({"sendmessage", "editmessagetext", "senddocument", "sendmessagedraft"})
RETRY_S = 0.05
"""Between deliveries to a webhook that failed; the real pause is unknown."""
DELIVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    """A request that arrived, and when, on the loop's clock.

    `caller` is the name of the path that it came by, where bots share an account: `url/name`.
    """

    method: str
    parameters: dict[str, Any]
    at: float
    caller: str = ""


async def _pass(call: Call) -> None: ...


@dataclass(slots=True)
class TelegramServer:
    """The server's state. `missing` are methods that it is too old for.

    `arrived` may hold a call up before it takes effect.
    """

    world: World = field(default_factory=World)
    token: str = ""
    url: str = ""
    faults: Faults = field(default_factory=Faults)
    flood: Flood = field(default_factory=Flood)
    calls: list[Call] = field(default_factory=list[Call])
    missing: set[str] = field(default_factory=set[str])
    methods: Methods = field(init=False)
    arrived: Callable[[Call], Awaitable[None]] = _pass
    deliveries: list[int] = field(default_factory=list[int])
    _hook_changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.token = self.token or f"{self.world.bot.id}:AAF-a-token-for-tests-only"
        self.methods = Methods(self.world, on_hook=self._hook_changed.set)

    def called(self, method: str) -> list[Call]:
        """The calls of a method."""
        return [call for call in self.calls if call.method == method.lower()]

    async def call(self, request: web.Request) -> web.StreamResponse:
        """Handle `/bot<token>/<method>`."""
        method = request.match_info["method"].lower()
        given = await _parameters(request)
        chat = int(given["chat_id"]) if str(given.get("chat_id", "")).lstrip("-").isdigit() else 0
        caller = request.match_info.get("caller", "")
        self.calls.append(Call(method, given, asyncio.get_running_loop().time(), caller))
        await self.arrived(self.calls[-1])
        fault = self.faults.take(method, chat)
        if isinstance(fault, Delayed):
            await asyncio.sleep(fault.seconds)
        if isinstance(fault, Reset):
            return reset(request)
        answer = await self._answer(request.match_info["token"], method, given, chat, fault)
        if isinstance(fault, Dropped):
            assert request.transport is not None
            request.transport.close()
        body = json.dumps(answer)
        if isinstance(fault, Truncated):
            body = body[: len(body) // 2]
        return web.Response(
            text=body, status=answer.get("error_code", 200), content_type="application/json"
        )

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Handle `/file/bot<token>/<path>`."""
        file = self.world.files.get(request.match_info["path"].removeprefix("files/"))
        if request.match_info["token"] != self.token or file is None:
            return web.Response(status=404)
        return web.Response(body=file.content)

    async def deliver(self) -> None:
        """Bring updates to the webhook, one at a time, each until it is taken."""
        async with aiohttp.ClientSession(trust_env=False) as session:
            while True:
                if not self.methods.hook.url:
                    self._hook_changed.clear()
                    await self._hook_changed.wait()
                    continue
                update = await self.world.queue.first()
                if await self._delivered(session, update):
                    self.world.queue.confirm_first()
                else:
                    await asyncio.sleep(RETRY_S)

    async def _delivered(self, session: aiohttp.ClientSession, update: dict[str, Any]) -> bool:
        hook = self.methods.hook
        if not hook.url:
            return False
        headers = {"X-Telegram-Bot-Api-Secret-Token": hook.secret} if hook.secret else {}
        timeout = aiohttp.ClientTimeout(total=DELIVERY_S)
        try:
            async with session.post(
                hook.url, json=update, headers=headers, timeout=timeout
            ) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            hook.last_error = f"Connection failed: {type(error).__name__}"
            return False
        self.deliveries.append(status)
        is_taken = 200 <= status < 300
        wrong = f"Wrong response from the webhook: {status}"
        hook.last_error = "" if is_taken else wrong
        return is_taken

    async def _answer(
        self, token: str, method: str, given: dict[str, Any], chat: int, fault: Fault | None
    ) -> dict[str, Any]:
        try:
            self._admit(token, method, chat, fault)
            result = await self.methods.find(method)(given)
        except ApiError as error:
            parameters = {"parameters": error.parameters} if error.parameters else {}
            refusal = {"error_code": error.code, "description": error.description}
            return {"ok": False, **refusal, **parameters}
        if isinstance(fault, Shuffled):
            result = result[::-1]
        return {"ok": True, "result": result}

    def _admit(self, token: str, method: str, chat: int, fault: Fault | None) -> None:
        if token != self.token:
            if ":" not in token:
                raise ApiError(404, "Not Found")
            raise ApiError(401, "Unauthorized")
        if method in {name.lower() for name in self.missing}:
            raise ApiError(404, "Not Found: method not found")
        if isinstance(fault, Failure):
            raise ApiError(fault.status, fault.description)
        wait_s = fault.retry_after_s if isinstance(fault, Patience) else 0
        if method in PACED and not wait_s:
            wait_s = self.flood.wait_s(chat, asyncio.get_running_loop().time())
        if wait_s:
            description = f"Too Many Requests: retry after {wait_s}"
            raise ApiError(429, description, retry_after=wait_s)


async def _parameters(request: web.Request) -> dict[str, Any]:
    """What a request gives, as a query, a form, a form with files or JSON."""
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        return given | await request.json()
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            given[name] = UploadedFile(value.filename, value.content_type, value.file.read())
        else:
            given[name] = value
    return given


@asynccontextmanager
async def telegram_server(world: World | None = None) -> AsyncGenerator[TelegramServer]:
    """A running server on a free port of 127.0.0.1."""
    server = TelegramServer(world or World())
    app = web.Application(client_max_size=60_000_000)
    app.router.add_route("*", "/bot{token}/{method}", server.call)
    app.router.add_route("*", "/{caller}/bot{token}/{method}", server.call)
    app.router.add_get("/file/bot{token}/{path:.+}", server.download)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    delivering = asyncio.create_task(server.deliver())
    try:
        yield server
    finally:
        delivering.cancel()
        await asyncio.wait({delivering})
        await runner.cleanup()
