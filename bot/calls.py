"""Writes down who calls the HTTP API: path, address, user agent and status, before they see it.

Calls that were turned away count too; of the same address only one a minute and status, so that
knocking does not fill the disk.
"""

import json
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.bearer import CALLER
from storage.audit import Audit
from storage.records import AuditEntry, StorageError

log = structlog.get_logger(__name__)

PATHS = ("/api/v1/chat", "/v1/")
PAUSE_S = 60.0
MOST_ADDRESSES = 1_000
MOST_CHARS = 200


class Calls:
    """ASGI middleware around the API."""

    def __init__(self, app: ASGIApp, audit: Audit, now_s: Callable[[], float] = monotonic) -> None:
        self._app = app
        self._audit = audit
        self._now_s = now_s
        self._turned_away: OrderedDict[tuple[str, int], float] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and keep its entry before its response begins."""
        if scope["type"] != "http" or not scope["path"].startswith(PATHS):
            return await self._app(scope, receive, send)

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._note(scope, message["status"])
            await send(message)

        return await self._app(scope, receive, noted)

    async def _note(self, scope: Scope, status: int) -> None:
        address = scope["client"][0] if scope.get("client") else ""
        caller = scope.get(CALLER, "")
        if not caller and self._is_repeated(address, status):
            return
        agent = Headers(scope=scope).get("user-agent", "")[:MOST_CHARS]
        entry = AuditEntry(
            actor=f"api:{caller}" if caller else "",
            action=f"http {scope['method']}",
            target=scope["path"][:MOST_CHARS],
            outcome=str(status),
            origin=json.dumps({"platform": "api", "address": address, "agent": agent}),
        )
        try:
            await self._audit.add(entry)
        except StorageError as error:
            log.error("a call was not written down", error=str(error))

    def _is_repeated(self, address: str, status: int) -> bool:
        now, key = self._now_s(), (address, status)
        last = self._turned_away.get(key)
        if last is not None and now - last < PAUSE_S:
            return True
        self._turned_away[key] = now
        self._turned_away.move_to_end(key)
        if len(self._turned_away) > MOST_ADDRESSES:
            self._turned_away.popitem(last=False)
        return False
