"""HTTP: Slack calls the bot's own port, and each call is signed.

The signature is an HMAC-SHA256 of `v0:timestamp:body`; one that is older than five minutes is a
replay (Slack, "Verifying requests from Slack"). A call that gets no 200 within three seconds is
repeated at once, after a minute and after five.
"""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import structlog
from slack_sdk.signature import SignatureVerifier
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from adapters.calls import Bounds, body_of
from adapters.slack.fields import Json, table, text
from adapters.slack.intake import Delivery, Intake
from adapters.slack.wire import Envelope, Sort

log = structlog.get_logger(__name__)

EVENTS, COMMANDS, INTERACTIONS = "/slack/events", "/slack/commands", "/slack/interactions"
BODY = Bounds(size_bytes=1_000_000, timeout_s=2.0)
STORE_S = 2.5
"""Slack waits three seconds; what is not stored by then is delivered again."""


class Webhook:
    """The doors for Slack's calls; open while `intake` is set."""

    def __init__(self, signing_secret: str) -> None:
        self._verifier = SignatureVerifier(signing_secret) if signing_secret.strip() else None
        self.intake: Intake | None = None

    def routes(self) -> list[Route]:
        """One for events, one for slash commands, one for buttons; none without a secret."""
        if not self._verifier:
            return []
        return [
            Route(EVENTS, self._event, methods=["POST"]),
            Route(COMMANDS, self._command, methods=["POST"]),
            Route(INTERACTIONS, self._interaction, methods=["POST"]),
        ]

    async def _event(self, request: Request) -> Response:
        body = await self._signed(request)
        if isinstance(body, Response):
            return body
        payload = _json(body)
        if payload is None:
            return PlainTextResponse("no JSON", 400)
        if payload.get("type") == "url_verification":
            return JSONResponse({"challenge": text(payload.get("challenge"))})
        return await self._take("events_api", payload)

    async def _command(self, request: Request) -> Response:
        body = await self._signed(request)
        if isinstance(body, Response):
            return body
        form = _form(body)
        if form.get("ssl_check"):
            return Response()
        return await self._take("slash_commands", form)

    async def _interaction(self, request: Request) -> Response:
        body = await self._signed(request)
        if isinstance(body, Response):
            return body
        payload = _json(text(_form(body).get("payload")).encode())
        if payload is None:
            return PlainTextResponse("no payload", 400)
        return await self._take("interactive", payload)

    async def _take(self, sort: Sort, payload: Json) -> Response:
        """200 once it is on disk."""
        stored = asyncio.Event()

        async def confirm() -> None:
            stored.set()

        envelope = Envelope(sort, payload, datetime.now(UTC))
        if self.intake is None or not self.intake.put(Delivery(envelope, confirm)):
            return PlainTextResponse("not ready", 503)
        try:
            async with asyncio.timeout(STORE_S):
                await stored.wait()
        except TimeoutError:
            return PlainTextResponse("not stored yet", 503)
        return Response()

    async def _signed(self, request: Request) -> bytes | Response:
        """The body, if it is Slack's, or what to answer instead."""
        body = await body_of(request, BODY)
        if isinstance(body, bytes) and not self._is_genuine(body, request):
            log.warning("a call with a wrong signature", path=request.url.path)
            return PlainTextResponse("the signature is wrong", 401)
        return body

    def _is_genuine(self, body: bytes, request: Request) -> bool:
        assert self._verifier is not None  # there are no routes without it
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        try:
            return self._verifier.is_valid(body, timestamp, signature)
        except (ValueError, TypeError):  # no number, no UTF-8, no ASCII
            return False


def _json(body: bytes) -> Json | None:
    try:
        found: Any = json.loads(body)
    except ValueError:
        return None
    return table(found) or None


def _form(body: bytes) -> Json:
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}
