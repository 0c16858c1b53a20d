"""The homeserver's answers, over a socket, as the errors of `adapters.base`."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from adapters.base import AdapterError, Ambiguous, AuthFailed, RateLimited, Rejected, Transient
from adapters.matrix.errors import NeedsAuthentication, NotFound, SessionEnded
from adapters.matrix.http import Homeserver, Method

TOKEN = "syt_secret"


@asynccontextmanager
async def answering(raw: bytes | None) -> AsyncGenerator[Homeserver]:
    """A homeserver that answers every call with these bytes, and closes; None: it says nothing."""
    calls: set[asyncio.Task[Any] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.add(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        if raw is None:
            await reader.read()
        writer.write(raw or b"")
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    server = Homeserver(f"http://127.0.0.1:{port}", TOKEN)
    await server.open()
    try:
        yield server
    finally:
        await server.close()
        listener.close()
        await asyncio.gather(*filter(None, calls))


def http(status: int, body: Any, *headers: str) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(raw)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + raw


REFUSALS: list[tuple[bytes, type[AdapterError]]] = [
    (http(429, {"errcode": "M_LIMIT_EXCEEDED"}), RateLimited),
    (http(400, {"errcode": "M_LIMIT_EXCEEDED"}), RateLimited),
    (http(401, {"errcode": "M_UNKNOWN_TOKEN"}), SessionEnded),
    (http(401, {"errcode": "M_MISSING_TOKEN"}), SessionEnded),
    (http(403, {"errcode": "M_USER_DEACTIVATED"}), AuthFailed),
    (http(401, {"flows": [{"stages": ["m.login.sso"]}], "session": "s"}), NeedsAuthentication),
    (http(403, {"errcode": "M_FORBIDDEN", "error": "no"}), Rejected),
    (http(413, {"errcode": "M_TOO_LARGE"}), Rejected),
    (http(404, {"errcode": "M_NOT_FOUND"}), NotFound),
    (http(500, {"errcode": "M_UNKNOWN"}), Ambiguous),
    (http(502, b"<html>Bad gateway</html>"), Ambiguous),
    (http(504, b""), Ambiguous),
    (http(404, b"<html>nothing here</html>"), Ambiguous),
    (http(302, b"", "Location: /elsewhere"), Ambiguous),
    (http(200, b"<html>hello</html>"), Ambiguous),
    (http(200, [1, 2]), Ambiguous),
    (b"", Ambiguous),
    (http(200, {"event_id": "$e"})[:-4], Ambiguous),
]


@pytest.mark.parametrize(("raw", "kind"), REFUSALS)
async def test_what_an_answer_means(raw: bytes, kind: type[AdapterError]) -> None:
    async with answering(raw) as server:
        with pytest.raises(AdapterError) as caught:
            await server.put("v3", "x", body={})
    assert type(caught.value) is kind or (kind is Rejected and isinstance(caught.value, Rejected))
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("raw", [b"", http(502, b"x"), http(200, b"x")])
async def test_reading_again_is_always_safe(raw: bytes) -> None:
    async with answering(raw) as server:
        with pytest.raises(Transient):
            await server.get("v3", "x")


@pytest.mark.parametrize(
    ("raw", "wait_s"),
    [
        (http(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2500}), 2.5),
        (http(429, {"errcode": "M_LIMIT_EXCEEDED"}, "Retry-After: 60"), 60),
        (http(429, b"slow down", "Retry-After: 7"), 7),
        (http(429, {}), 5),
    ],
)
async def test_how_long_to_wait(raw: bytes, wait_s: float) -> None:
    async with answering(raw) as server:
        with pytest.raises(RateLimited) as caught:
            await server.put("v3", "x", body={})
    assert caught.value.retry_after_s == wait_s


async def test_nobody_there_means_that_nothing_was_sent() -> None:
    async with answering(b"") as server:
        pass
    await server.open()
    with pytest.raises(Transient):
        await server.put("v3", "x", body={})
    await server.close()


@pytest.mark.parametrize(("method", "kind"), [("PUT", Ambiguous), ("GET", Transient)])
async def test_a_silent_server_is_given_up(method: Method, kind: type[AdapterError]) -> None:
    async with answering(None) as server:
        with pytest.raises(kind):
            await server.call(method, ("v3", "sync"), timeout_s=0.05)


async def test_a_file_is_not_read_beyond_its_bound() -> None:
    async with answering(http(200, b"x" * 1000)) as server:
        with pytest.raises(Rejected):
            await server.download("example.org", "abc", 999)
    async with answering(http(200, b"x" * 1000)) as server:
        assert len(await server.download("example.org", "abc", 1000)) == 1000
