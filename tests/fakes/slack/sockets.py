"""Socket Mode: up to ten connections, each envelope over one of them, again until acknowledged."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import aiohttp
from aiohttp import web

from tests.fakes.slack.deliveries import Deliveries, Delivery

MAX_CONNECTIONS = 10
Reason = Literal["warning", "refresh_requested", "link_disabled", "too_many_websockets"]


@dataclass(eq=False, slots=True)
class Connection:
    """One WebSocket. `frozen`: nothing goes out or is answered, as if a cable was cut."""

    socket: web.WebSocketResponse
    frozen: bool = False
    leaving: bool = False
    carried: dict[str, Delivery] = field(default_factory=dict[str, Delivery])


@dataclass(slots=True)
class Sockets:
    """All connections of the app. Who connects while it `greets` not is kept waiting."""

    deliveries: Deliveries
    open: list[Connection] = field(default_factory=list[Connection])
    tickets: set[str] = field(default_factory=set[str])
    opened: int = 0
    disabled: bool = False
    greets: bool = True
    waiting: int = 0
    _turn: int = 0

    def ticket(self) -> str:
        """What opens one connection."""
        ticket = f"ticket-{self.opened}-{len(self.tickets)}"
        self.tickets.add(ticket)
        self.opened += 1
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Handle one connection."""
        ticket = request.query.get("ticket", "")
        if ticket not in self.tickets:
            return web.Response(status=403)
        self.tickets.discard(ticket)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        if not self.greets:
            return await self._keep_waiting(socket)
        connection = Connection(socket)
        refusal = self._refusal()
        if refusal:
            await socket.send_json({"type": "disconnect", "reason": refusal})
            await socket.close()
            return socket
        await socket.send_json(self._hello())
        self.open.append(connection)
        self.deliveries.nudge()
        try:
            await self._listen(connection)
        finally:
            self._lose(connection)
        return socket

    async def _keep_waiting(self, socket: web.WebSocketResponse) -> web.WebSocketResponse:
        self.waiting += 1
        try:
            async for _ in socket:
                pass
        finally:
            self.waiting -= 1
        return socket

    async def pump(self) -> None:
        """Send what waits, and send again what was not acknowledged, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send_all())
            tasks.create_task(self._look_after())

    async def refresh(self, reason: Reason = "refresh_requested", *, grace_s: float = 0.2) -> None:
        """Ask the bot to renew its oldest connection, and close that a little later."""
        connection = next(each for each in self.open if not each.leaving)
        connection.leaving = True
        await connection.socket.send_json({"type": "disconnect", "reason": reason})
        await asyncio.sleep(grace_s)
        await connection.socket.close()

    def drop(self) -> int:
        """Break all connections at once; how many there were."""
        connections = list(self.open)
        for connection in connections:
            transport = cast("Any", connection.socket)._req.transport
            if transport:
                transport.abort()
        return len(connections)

    def freeze(self) -> None:
        """Cut the cable of all connections that there are."""
        for connection in self.open:
            connection.frozen = True

    async def disable(self) -> None:
        """Switch Socket Mode off."""
        self.disabled = True
        for connection in list(self.open):
            await connection.socket.send_json({"type": "disconnect", "reason": "link_disabled"})

    def _hello(self) -> dict[str, Any]:
        return {
            "type": "hello",
            "num_connections": len(self.open) + 1,
            "connection_info": {"app_id": "A1"},
            "debug_info": {"host": "applink-tests", "approximate_connection_time": 18060},
        }

    def _refusal(self) -> Reason | None:
        if self.disabled:
            return "link_disabled"
        return "too_many_websockets" if len(self.open) >= MAX_CONNECTIONS else None

    async def _listen(self, connection: Connection) -> None:
        async for frame in connection.socket:
            if connection.frozen:
                continue
            match frame.type:
                case aiohttp.WSMsgType.PING:
                    await connection.socket.pong(cast("bytes", frame.data))
                case aiohttp.WSMsgType.TEXT:
                    answer = json.loads(cast("str", frame.data))
                    delivery = connection.carried.pop(answer.get("envelope_id", ""), None)
                    if delivery:
                        self.deliveries.acknowledge(delivery)
                case _:
                    pass

    def _lose(self, connection: Connection) -> None:
        self.open.remove(connection)
        for delivery in connection.carried.values():
            if delivery.acknowledged_s is None:
                self.deliveries.again(delivery, "socket_closed")

    def _ready(self) -> list[Connection]:
        return [each for each in self.open if not each.leaving]

    async def _send_all(self) -> None:
        while True:
            delivery = await self.deliveries.next(lambda: bool(self._ready()))
            connections = self._ready()
            self._turn += 1
            await self._send(connections[self._turn % len(connections)], delivery)

    async def _send(self, connection: Connection, delivery: Delivery) -> None:
        self.deliveries.start(delivery)
        envelope_id = f"{delivery.number}-{delivery.attempts}"
        connection.carried[envelope_id] = delivery
        if connection.frozen:
            return
        envelope: dict[str, Any] = {
            "envelope_id": envelope_id,
            "type": delivery.sort,
            "payload": delivery.payload,
            "accepts_response_payload": delivery.sort != "events_api",
        }
        if delivery.sort == "events_api":
            envelope["retry_attempt"] = delivery.attempts - 1
            envelope["retry_reason"] = delivery.reason
        with suppress(ConnectionError):
            await connection.socket.send_json(envelope)

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            now = asyncio.get_running_loop().time()
            for connection in self.open:
                self._expire(connection, now)

    def _expire(self, connection: Connection, now: float) -> None:
        for envelope_id, delivery in list(connection.carried.items()):
            is_last = envelope_id == f"{delivery.number}-{delivery.attempts}"
            is_late = now > delivery.sent_at + self.deliveries.ack_s
            if delivery.acknowledged_s is not None:
                del connection.carried[envelope_id]
            elif is_last and is_late and not delivery.expired:
                self.deliveries.again(delivery, "timeout")
