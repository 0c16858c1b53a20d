"""Webhooks: Telegram calls the bot's own port, once for each update, until it answers 200.

Telegram shows its secret in `X-Telegram-Bot-Api-Secret-Token` and repeats a call that got another
status (Bot API, setWebhook).
"""

import asyncio
import hmac
import json
from typing import Any, cast
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from adapters.base import AdapterError, AuthFailed
from adapters.calls import Bounds, body_of
from adapters.capabilities import Link
from adapters.telegram.calls import Calls
from adapters.telegram.errors import mapped
from adapters.telegram.updates import Updates
from adapters.telegram.wire import WANTED

log = structlog.get_logger(__name__)

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - its name, not its value
BODY = Bounds(size_bytes=1_000_000, timeout_s=10.0)
"""An update with a message, the one it replies to and a keyboard has some 50 kB."""
LOOK_S = 60.0


class Webhook:
    """The door for Telegram's calls at the path of `url`; open while `run` runs."""

    def __init__(self, url: str, secret: str, every_s: float = LOOK_S) -> None:
        self._url = url
        self._secret = secret
        self._every_s = every_s
        self._updates: Updates | None = None

    def routes(self) -> list[Route]:
        """The one route; none without a webhook."""
        if not self._url:
            return []
        path = urlsplit(self._url).path or "/"
        return [Route(path, self._receive, methods=["POST"])]

    async def run(self, calls: Calls, updates: Updates, link: Link) -> None:
        """Have Telegram call, and look now and then whether it still does, until cancelled."""
        await self._set(calls)
        self._updates = updates
        try:
            while True:
                await asyncio.sleep(self._every_s)
                await self._look(calls, link)
        finally:
            self._updates = None

    async def _set(self, calls: Calls) -> None:
        with mapped():
            # One call at a time keeps the updates in order; each takes a few milliseconds.
            await calls.bot.set_webhook(
                self._url,
                max_connections=1,
                allowed_updates=list(WANTED),
                secret_token=self._secret or None,
            )

    async def _look(self, calls: Calls, link: Link) -> None:
        """Ask Telegram how its calls go; set the webhook again where it was removed."""
        try:
            with mapped():
                info = await calls.bot.get_webhook_info()
        except AuthFailed:
            raise
        except AdapterError as error:  # what comes in is not touched by it
            return link.set_down(str(error))
        if info.url != self._url:
            log.warning("the webhook was replaced; it is set again")
            await self._set(calls)
        if info.pending_update_count and info.last_error_message:
            return link.set_down(f"Telegram can't deliver: {info.last_error_message}")
        return link.set_up()

    async def _receive(self, request: Request) -> Response:
        shown = request.headers.get(SECRET_HEADER, "")
        if not self._secret or not hmac.compare_digest(shown.encode(), self._secret.encode()):
            return PlainTextResponse("the secret token is wrong", 401)
        updates = self._updates
        if updates is None:
            return PlainTextResponse("not ready", 503)
        update = await _update(request)
        if isinstance(update, Response):
            return update
        try:
            await updates.take([update], None)
        except AdapterError as error:
            log.warning("an update waits for storage", error=str(error))
            return PlainTextResponse("not stored", 503)
        return Response()


async def _update(request: Request) -> dict[str, Any] | Response:
    """The update in a request, or what to answer instead."""
    body = await body_of(request, BODY)
    if isinstance(body, Response):
        return body
    try:
        update = json.loads(body)
    except ValueError:
        return PlainTextResponse("no JSON", 400)
    if not isinstance(update, dict):
        return PlainTextResponse("no update", 400)
    return cast("dict[str, Any]", update)
