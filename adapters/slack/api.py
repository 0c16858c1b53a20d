"""Calls to the Web API: one attempt each, with a timeout, its outcome in the tree of errors.

slack_sdk's client repeats a call by itself when a connection breaks, so a post could double: it is
told not to. Delivery repeats what is safe to repeat.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, cast

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.base import Rejected, Transient
from adapters.slack.errors import mapped, of_status
from adapters.slack.fields import Json, table, text
from adapters.slack.hosts import is_allowed
from adapters.slack.scene import Me

MAX_ANSWER_BYTES = 10_000
CHUNK_BYTES = 65_536
CLOSE_S = 1.0
"""What a socket's end is waited for."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds. `heartbeat_s` is between a socket's pings; half of it is given to the pong.

    `names_s` is what an event waits for the names in it before it is acknowledged, `threads_s` for
    the thread that it is about: if the bot dies then, it may come again behind the next one.
    """

    connect_s: float = 5.0
    request_s: float = 10.0
    transfer_s: float = 60.0
    heartbeat_s: float = 10.0
    names_s: float = 0.3
    threads_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call gave: its JSON, and the HTTP headers by lower-case name."""

    data: Json
    headers: Mapping[str, str]


class Api:
    """The Web API with one bot token. Usable while entered."""

    def __init__(self, token: str, base_url: str, timeouts: Timeouts) -> None:
        self.base_url = base_url if base_url.endswith("/") else f"{base_url}/"
        self.timeouts = timeouts
        self._token = token
        self._session: aiohttp.ClientSession | None = None
        self._client: AsyncWebClient | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(
            total=self.timeouts.request_s, sock_connect=self.timeouts.connect_s
        )
        self._session = aiohttp.ClientSession(timeout=timeout)
        self._client = self._client_of(self._token)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session:
            await self._session.close()
        self._session = self._client = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The connections. Raises `Transient` when the adapter is not entered."""
        if self._session is None:
            raise Transient("The connection to Slack is not open.")
        return self._session

    async def write(self, method: str, **arguments: Any) -> Json:
        """Call a method that changes something, with JSON."""
        with mapped(writes=True):
            return (await self._call(method, json=_given(arguments))).data

    async def read(self, method: str, **arguments: Any) -> Json:
        """Call a method that changes nothing; those take no JSON, but a form."""
        with mapped(writes=False):
            return (await self._call(method, data=_given(arguments))).data

    async def who_am_i(self) -> tuple[Me, frozenset[str] | None]:
        """The bot, and the scopes that its token has, where Slack says so."""
        with mapped(writes=False):
            answer = await self._call("auth.test")
        data = answer.data
        me = Me(
            user=text(data.get("user_id")),
            bot=text(data.get("bot_id")),
            team=text(data.get("team_id")),
            name=text(data.get("user")),
            team_name=text(data.get("team")),
        )
        scopes = answer.headers.get("x-oauth-scopes")
        if scopes is None:
            return me, None
        return me, frozenset(scope.strip() for scope in scopes.split(",") if scope.strip())

    async def open_socket(self, app_token: str) -> str:
        """A fresh address for one Socket Mode connection."""
        client = cast("Any", self._client_of(app_token))
        with mapped(writes=False):
            answer = await client.api_call("apps.connections.open")
        return self.checked(text(table(answer.data).get("url")))

    async def post_to(self, url: str, message: Json) -> None:
        """Post to an address that Slack gave. Raises `Refusal` with its code when it is spent."""
        with mapped(writes=True):
            async with self.session.post(
                self.checked(url), json=message, allow_redirects=False
            ) as response:
                body = await response.content.read(MAX_ANSWER_BYTES)
                if response.status != 200:
                    code = _code(body) or f"http_{response.status}"
                    raise of_status(response.status, response.headers, code)

    async def upload(self, url: str, content: bytes) -> None:
        """Send a file's content to an address that Slack gave."""
        with mapped(writes=True):
            async with self.session.post(
                self.checked(url), data=content, allow_redirects=False, timeout=self._transfer()
            ) as response:
                await response.content.read(MAX_ANSWER_BYTES)
                if response.status != 200:
                    raise of_status(response.status, response.headers, "")

    async def download(self, url: str, max_bytes: int) -> tuple[str, bytes]:
        """The type and the content of a file. Raises `Rejected` when it is larger or not ours."""
        headers = {"Authorization": f"Bearer {self._token}"}
        with mapped(writes=False):
            async with self.session.get(
                self.checked(url), headers=headers, allow_redirects=False, timeout=self._transfer()
            ) as response:
                if response.status != 200:
                    raise _refused_file(response)
                return response.content_type, await _content(response, max_bytes)

    async def socket(self, url: str) -> aiohttp.ClientWebSocketResponse:
        """Connect to an address of `open_socket`; a connection that gives no pong closes."""
        with mapped(writes=False):
            async with asyncio.timeout(self.timeouts.request_s):
                return await self.session.ws_connect(
                    url,
                    heartbeat=self.timeouts.heartbeat_s,
                    timeout=cast("Any", aiohttp.ClientWSTimeout)(ws_close=CLOSE_S),
                )

    def checked(self, url: str) -> str:
        """An address that Slack named. Raises `Rejected` when it leads elsewhere."""
        if not is_allowed(url, self.base_url):
            raise Rejected("Slack named an address that is none of its own.")
        return url

    async def _call(
        self, method: str, *, json: Json | None = None, data: Json | None = None
    ) -> Answer:
        if self._client is None:
            raise Transient("The connection to Slack is not open.")
        answer = await cast("Any", self._client).api_call(method, json=json, data=data)
        headers = {str(key).lower(): str(value) for key, value in answer.headers.items()}
        return Answer(table(answer.data), headers)

    def _client_of(self, token: str) -> AsyncWebClient:
        return AsyncWebClient(
            token=token,
            base_url=self.base_url,
            session=self.session,
            timeout=int(self.timeouts.request_s) or 1,
            retry_handlers=[],
        )

    def _transfer(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=self.timeouts.transfer_s, sock_connect=self.timeouts.connect_s
        )


def _given(arguments: Json) -> Json:
    return {name: value for name, value in arguments.items() if value is not None}


def _code(body: bytes) -> str:
    """The code in an answer of a response address: JSON, or the bare word."""
    words = body.decode(errors="replace").strip()
    for code in ("expired_url", "used_url", "no_text", "invalid_blocks", "invalid_payload"):
        if code in words:
            return code
    return words[:100]


def _refused_file(response: aiohttp.ClientResponse) -> Exception:
    if response.status == 429 or response.status >= 500:
        return of_status(response.status, response.headers, "")
    return Rejected("The file is gone, or the app may not see it (scope files:read).")


async def _content(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    if (response.content_length or 0) > max_bytes:
        raise Rejected(f"The file is larger than {max_bytes} bytes.")
    content = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        content += chunk
        if len(content) > max_bytes:
            raise Rejected(f"The file is larger than {max_bytes} bytes.")
    return bytes(content)
