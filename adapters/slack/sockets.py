"""Socket Mode: two connections at once, so that one can be renewed without missing anything.

Each has a fresh address, begins with `hello`, and is told by `disconnect` that it will be closed;
its successor connects before it goes. An envelope is acknowledged by its `envelope_id` over the
connection that brought it, and delivered again otherwise (Slack, "Using Socket Mode").
"""

import asyncio
import json
import random
from contextlib import suppress
from datetime import UTC, datetime

import aiohttp
import structlog

from adapters.base import AdapterError, AuthFailed, RateLimited, Transient
from adapters.capabilities import Link
from adapters.slack.api import Api
from adapters.slack.fields import Json, table, text
from adapters.slack.intake import Delivery, Intake
from adapters.slack.wire import Envelope

log = structlog.get_logger(__name__)

CONNECTIONS = 2
HELLO_S = 10.0
SEND_S = 5.0
DRAIN_S = 20.0
"""A connection that is to be renewed is listened to for so long."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
SWITCHED_OFF = "Socket Mode is switched off for the app. Switch it on under Socket Mode."

Socket = aiohttp.ClientWebSocketResponse


class Sockets:
    """The connections of one app. `pauses` is a factor of the pauses after faults."""

    def __init__(self, api: Api, app_token: str, intake: Intake, link: Link, pauses: float) -> None:
        self._api = api
        self._app_token = app_token
        self._intake = intake
        self._link = link
        self._pauses = pauses
        self._open: set[Socket] = set()

    async def work(self) -> None:
        """Receive until cancelled. Raises `AuthFailed` when the app token is refused."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(CONNECTIONS):
                    tasks.create_task(self._keep(tasks))
        finally:
            await asyncio.gather(*map(self._close, list(self._open)))

    async def _keep(self, tasks: asyncio.TaskGroup) -> None:
        """One connection after the other."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                socket = await self._connect()
            except AuthFailed:
                raise
            except AdapterError as error:
                self._note_fault(str(error))
                asked_s = error.retry_after_s if isinstance(error, RateLimited) else 0.0
                await asyncio.sleep(max(asked_s, pause_s * self._pauses * random.uniform(0.7, 1)))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            since = asyncio.get_running_loop().time()
            if await self._receive(socket):
                tasks.create_task(self._drain(socket))
            else:
                await self._close(socket)
                self._note_fault("Slack closed the connection.")
                await asyncio.sleep(pause_s * self._pauses * random.uniform(0.7, 1))
            lasted_s = asyncio.get_running_loop().time() - since
            is_sound = lasted_s > LONGEST_PAUSE_S
            pause_s = FIRST_PAUSE_S if is_sound else min(2 * pause_s, LONGEST_PAUSE_S)

    async def _connect(self) -> Socket:
        socket = await self._api.socket(await self._api.open_socket(self._app_token))
        try:
            greeting = await _greeting(socket)
        except asyncio.CancelledError:  # Slack would go on to send events over it
            await socket.close()
            raise
        if greeting is None or greeting.get("type") != "hello":
            await socket.close()
            _check(greeting)
            raise Transient("Slack did not greet on a new connection.")
        self._open.add(socket)
        self._link.set_up()
        return socket

    async def _receive(self, socket: Socket) -> bool:
        """Take envelopes until the connection ends; True when it is to be renewed before it does.

        Raises `AuthFailed` when Socket Mode is switched off.
        """
        while (message := await _message(socket)) is not None:
            if message.get("type") == "disconnect":
                _check(message)
                return text(message.get("reason")) in ("warning", "refresh_requested")
            self._take(message, socket)
        return False

    async def _drain(self, socket: Socket) -> None:
        """Take what still comes over a connection whose successor is being made."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while (message := await _message(socket)) is not None:
                    if message.get("type") != "disconnect":
                        self._take(message, socket)
        await self._close(socket)

    def _take(self, message: Json, socket: Socket) -> None:
        envelope_id, sort = text(message.get("envelope_id")), message.get("type")
        if not envelope_id:
            return

        async def confirm() -> None:
            await _acknowledge(socket, envelope_id)

        if sort in ("events_api", "slash_commands", "interactive"):
            envelope = Envelope(sort, table(message.get("payload")), datetime.now(UTC))
        else:
            envelope = Envelope("events_api", {}, datetime.now(UTC))  # nothing that we know
        if not self._intake.put(Delivery(envelope, confirm)):
            log.warning("too many events wait for storage; Slack keeps this one")

    async def _close(self, socket: Socket) -> None:
        self._open.discard(socket)
        await socket.close()

    def _note_fault(self, reason: str) -> None:
        """One connection is enough."""
        if not any(not socket.closed for socket in self._open):
            self._link.set_down(reason)


async def _greeting(socket: Socket) -> Json | None:
    """The first message; None when it is late too."""
    try:
        async with asyncio.timeout(HELLO_S):
            return await _message(socket)
    except TimeoutError:
        return None


async def _message(socket: Socket) -> Json | None:
    """The next message; None when the connection ended, or is silent to pings."""
    while True:
        frame = await socket.receive()
        match frame.type:
            case aiohttp.WSMsgType.TEXT:
                with suppress(ValueError):
                    return table(json.loads(frame.data))
            case (
                aiohttp.WSMsgType.CLOSE
                | aiohttp.WSMsgType.CLOSING
                | aiohttp.WSMsgType.CLOSED
                | aiohttp.WSMsgType.ERROR
            ):
                return None
            case _:
                pass


async def _acknowledge(socket: Socket, envelope_id: str) -> None:
    """Say that an envelope is on disk; if that can't be said, it comes again and is known."""
    try:
        async with asyncio.timeout(SEND_S):
            await socket.send_json({"envelope_id": envelope_id})
    except (ConnectionError, TimeoutError, RuntimeError, aiohttp.ClientError) as error:
        log.debug("an acknowledgement was lost", reason=type(error).__name__)


def _check(message: Json | None) -> None:
    if message and message.get("reason") == "link_disabled":
        raise AuthFailed(SWITCHED_OFF)
