"""Calls to the homeserver: one attempt each, its outcome a JSON object or an error of the tree.

aiohttp repeats a GET or PUT whose kept connection turns out to be closed; both are safe to repeat,
for every PUT of ours names its own transaction or place.

Paths begin after `/_matrix/client`; their parts are quoted here. Tokens are in a header, so no
address that is logged holds one. Redirects are not followed: no other host is contacted.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal, cast
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from adapters.base import Ambiguous, Rejected, Transient
from adapters.matrix.errors import of_answer, of_connection

CALL_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 10.0
TRANSFER_TIMEOUT_S = 120.0
CHUNK_BYTES = 64 * 1024
MAX_ERROR_BYTES = 64 * 1024

Method = Literal["GET", "PUT", "POST"]


class Homeserver:
    """One homeserver at `base_url`; `token` is the bot's session there."""

    def __init__(self, base_url: str, token: str = "") -> None:
        self._root = base_url.rstrip("/") + "/_matrix/client"
        self._http: aiohttp.ClientSession | None = None
        self.token = token

    async def open(self) -> None:
        """Get ready, without any traffic."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S)
        self._http = aiohttp.ClientSession(timeout=timeout, raise_for_status=False)

    async def close(self) -> None:
        """Close all connections."""
        if self._http:
            await self._http.close()
        self._http = None

    async def get(self, *path: str, query: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        """Read something. `path` holds one part between slashes each."""
        return await self.call("GET", path, query=query)

    async def put(self, *path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Put something where it belongs; again is the same as once."""
        return await self.call("PUT", path, body=body)

    async def post(self, *path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Do something."""
        return await self.call("POST", path, body=body)

    async def call(
        self,
        method: Method,
        path: tuple[str, ...],
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int] | None = None,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> dict[str, Any]:
        """One call. Raises any error of the tree."""
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        url = self._url(path, query or {})
        async with self._answer(method, url, data, "application/json", timeout_s) as response:
            return await _json(response)

    async def state(self, room: str) -> list[dict[str, Any]]:
        """All state events of a room; the one answer that is a list."""
        url = self._url(("v3", "rooms", room, "state"), {})
        async with self._answer("GET", url, None, "", CALL_TIMEOUT_S) as response:
            events = await _parsed(response)
        if not isinstance(events, list):
            raise Transient("The homeserver's answer is no list.")
        return [event for event in cast("list[Any]", events) if isinstance(event, dict)]

    async def upload(self, content: bytes, mime: str, name: str) -> str:
        """Store a file in the homeserver's media; its `mxc:` address."""
        root = self._root.removesuffix("/client")
        url = URL(f"{root}/media/v3/upload?{urlencode({'filename': name})}", encoded=True)
        async with self._answer("POST", url, content, mime, TRANSFER_TIMEOUT_S) as response:
            answer = await _json(response)
        return str(answer.get("content_uri", ""))

    async def download(self, server: str, media: str, max_bytes: int) -> bytes:
        """A file's content. Raises `Rejected` when there is more than `max_bytes` of it."""
        url = self._url(("v1", "media", "download", server, media), {})
        async with self._answer("GET", url, None, "", TRANSFER_TIMEOUT_S) as response:
            content = bytearray()
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                content += chunk
                if len(content) > max_bytes:
                    raise Rejected("The file is too large.")
            return bytes(content)

    def _url(self, path: tuple[str, ...], query: Mapping[str, str | int]) -> URL:
        parts = "/".join(quote(part, safe="") for part in path)
        suffix = f"?{urlencode(query)}" if query else ""
        return URL(f"{self._root}/{parts}{suffix}", encoded=True)

    @asynccontextmanager
    async def _answer(
        self, method: Method, url: URL, data: bytes | None, mime: str, timeout_s: float
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """The answer, if it is a good one."""
        if self._http is None:
            raise Transient("The adapter is closed.")
        headers = {"Content-Type": mime} if mime else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._http.request(
                    method, url, data=data, headers=headers, allow_redirects=False
                ) as response,
            ):
                if response.status >= 300:
                    raise of_answer(response.status, await _refusal(response), response.headers)
                yield response
        except (aiohttp.ClientError, TimeoutError) as error:
            raise of_connection(error, reads=method == "GET") from error
        except Ambiguous as error:
            if method != "GET":
                raise
            raise Transient(str(error)) from error


async def _parsed(response: aiohttp.ClientResponse) -> Any:
    try:
        return json.loads(await response.read())
    except ValueError as error:
        raise Ambiguous("The homeserver's answer is no JSON.") from error


async def _json(response: aiohttp.ClientResponse) -> dict[str, Any]:
    body = await _parsed(response)
    if not isinstance(body, dict):
        raise Ambiguous("The homeserver's answer is no JSON object.")
    return cast("dict[str, Any]", body)


async def _refusal(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """The body of an error; a proxy's error page has none that matters."""
    try:
        body: Any = json.loads(await response.content.read(MAX_ERROR_BYTES))
    except ValueError:
        return {}
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}
