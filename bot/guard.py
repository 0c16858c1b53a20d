"""What every HTTP request and WebSocket passes first.

A page on loopback can be reached by any other page of the same browser, so a request must name a
host that we serve (DNS rebinding), come from our own origin if it changes anything (CSRF,
cross-site WebSockets), carry JSON, be of bounded size and arrive in bounded time. There is no CORS.
"""

import asyncio
import json
from collections.abc import Collection, Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY_BYTES = 1_000_000
BODY_TIMEOUT_S = 20.0
MAX_DRAINED_BYTES = 32_000_000
DRAIN_TIMEOUT_S = 5.0


class Refusal(HTTPException):
    """A request that goes no further; raised inside the application it is an HTTP error there."""


class Guard:
    """ASGI middleware around everything that listens. `hosts` are names without ports.

    Calls to the `signed` paths come from a platform's servers, under any name and in any form: who
    serves them checks a signature that no other page of a browser could make.
    """

    def __init__(
        self, app: ASGIApp, hosts: Iterable[str] = (), signed: Collection[str] = ()
    ) -> None:
        self._app = app
        self._hosts = LOOPBACK | {host.lower() for host in hosts}
        self._signed = signed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or answer it here."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        try:
            headers = Headers(scope=scope)
            if scope["type"] == "http" and scope["path"] in self._signed:
                _check_length(headers)
            else:
                self._check(scope, headers)
            bounded = _Bounded(receive) if scope["type"] == "http" else receive
            return await self._app(scope, bounded, send)
        except Refusal as refusal:
            await _drain(scope, receive)
            return await _refuse(scope, send, refusal)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if _name(host) not in self._hosts:
            raise Refusal(
                403, f"This server is not “{host[:100]}”. Add that name to web.allowed_hosts."
            )
        unsafe = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if unsafe:
            _check_origin(headers, host)
        if scope["type"] == "http" and unsafe:
            _check_body(headers)


def _name(host: str) -> str:
    """A Host header without its port; IPv6 addresses keep their brackets."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()


def _check_origin(headers: Headers, host: str) -> None:
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        raise Refusal(403, f"Requests from “{origin[:100]}” are not accepted.")
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refusal(403, "Requests from other sites are not accepted.")


def _check_body(headers: Headers) -> None:
    length = _check_length(headers)
    has_body = length != "0" or "transfer-encoding" in headers
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if has_body and kind != "application/json":
        raise Refusal(415, f"The body is “{kind[:60]}”. Send application/json.")


def _check_length(headers: Headers) -> str:
    length = headers.get("content-length", "0")
    if not length.isdecimal() or ("transfer-encoding" in headers and "content-length" in headers):
        raise Refusal(400, "The length of the body is not clear. Send one Content-Length.")
    if int(length) > MAX_BODY_BYTES:
        raise _too_large()
    return length


def _too_large() -> Refusal:
    return Refusal(413, f"The body is larger than {MAX_BODY_BYTES:,} bytes. Send less.")


class _Bounded:
    """A request's body, in bounded size and time; after it, the wait for a disconnect is free."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._size = 0
        self._complete = False

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                message = await self._receive()
        except TimeoutError:
            raise Refusal(408, "The body did not arrive in time.") from None
        self._size += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._size > MAX_BODY_BYTES:
            raise _too_large()
        return message


async def _drain(scope: Scope, receive: Receive) -> None:
    """Read what is still being sent, within bounds, so that the client gets to read the answer."""
    left, more = MAX_DRAINED_BYTES, scope["type"] == "http"
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            while more and left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                more = message.get("more_body", False)


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    if scope["type"] == "websocket":
        return await send({"type": "websocket.close", "code": 1008, "reason": refusal.detail[:120]})
    body = json.dumps({"error": {"message": refusal.detail}}, ensure_ascii=False).encode()
    await send(
        {
            "type": "http.response.start",
            "status": refusal.status_code,
            "headers": [
                (b"content-type", b"application/json; charset=utf-8"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ],
        }
    )
    return await send({"type": "http.response.body", "body": body})
