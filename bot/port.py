"""The one TCP port: bound before anything else is built on it, served by uvicorn."""

import asyncio
import contextlib
import errno
import ipaddress
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from bot.config import ConfigError
from bot.ending import accept_no_more
from bot.sections import Web

KEEP_ALIVE_S = 30
CLOSING_S = 5
MAX_FRAME_BYTES = 1_000_000


class Port:
    """A bound address. Raises `ConfigError` when it can't be had."""

    def __init__(self, web: Web) -> None:
        self._socket = _bind(web)
        self.host = web.host

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        address = ipaddress.ip_address(self._socket.getsockname()[0])
        host = "127.0.0.1" if address.is_unspecified else str(address)
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        """Give the address back unused."""
        self._socket.close()

    @asynccontextmanager
    async def serving(self, app: ASGIApp) -> AsyncGenerator[None]:
        """Serve while the block runs; then let requests end."""
        server = _Server(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                http="httptools",
                ws="websockets-sansio",
                ws_max_size=MAX_FRAME_BYTES,
                ws_per_message_deflate=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=CLOSING_S,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[self._socket]))
        try:
            yield
        finally:
            server.should_exit = True
            await _end(serving)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: when to stop is the application's to say."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; uvicorn tells those connections to end that it knows, and waits for the others."""
        await accept_no_more(self.servers)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def _end(serving: asyncio.Task[None]) -> None:
    """See it end: whoever is cancelled meanwhile, however often, leaves no connection behind."""
    impatience = None
    while not serving.done():
        try:
            await asyncio.wait([serving])
        except asyncio.CancelledError as error:
            impatience = error
    if impatience:
        raise impatience
    serving.result()


def _bind(web: Web) -> socket.socket:
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    try:
        return socket.create_server((web.host, web.port), family=family, backlog=256)
    except OSError as error:
        place = f"{web.host}:{web.port}"
        if error.errno == errno.EADDRINUSE:
            fault = "is in use by another program. Stop it, or set another web.port"
        else:
            fault = f"can't be listened on ({error.strerror}). Set another web.host or web.port"
        raise ConfigError(f"web: {place} {fault}.") from error
