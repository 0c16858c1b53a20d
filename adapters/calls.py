"""The body of a call to a webhook: bounded in size and in time, for anybody can call."""

import asyncio
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most bytes of a body, and the seconds that it may take to come."""

    size_bytes: int
    timeout_s: float


async def body_of(request: Request, bounds: Bounds) -> bytes | Response:
    """The whole body, or what to answer instead."""
    body = bytearray()
    try:
        async with asyncio.timeout(bounds.timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > bounds.size_bytes:
                    return PlainTextResponse("too large", 413)
    except (TimeoutError, ClientDisconnect):
        return PlainTextResponse("incomplete", 408)
    return bytes(body)
