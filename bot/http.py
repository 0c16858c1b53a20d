"""Everything that the port serves, put together: API, page, health, metrics, OpenAPI."""

from collections.abc import Sequence
from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bot.bearer import Unauthorized
from bot.hangup import HungUp
from bot.health import Metrics, ReadinessCheck
from bot.openapi import document
from bot.wire import BadRequest

log = structlog.get_logger(__name__)


class Health:
    """`/healthz`, `/readyz`, `/metrics`."""

    def __init__(self, metrics: Metrics, readiness: ReadinessCheck) -> None:
        self._metrics = metrics
        self._readiness = readiness

    def routes(self) -> list[Route]:
        """What is served."""
        return [
            Route("/healthz", self.alive),
            Route("/readyz", self.ready),
            Route("/metrics", self.metrics),
            Route("/api/v1/metrics", self.metrics),
        ]

    async def alive(self, request: Request) -> Response:
        """The process lives."""
        return JSONResponse({"status": "alive"})

    async def ready(self, request: Request) -> Response:
        """Whether messages are answered, part by part."""
        readiness = await self._readiness()
        parts = {
            name: {"ready": part.ready, "detail": part.detail}
            for name, part in readiness.parts.items()
        }
        body = {"ready": readiness.ready, "role": readiness.role, "parts": parts}
        return JSONResponse(body, status_code=200 if readiness.ready else 503)

    async def metrics(self, request: Request) -> Response:
        """Prometheus text format."""
        await self._readiness()  # some gauges are what it found
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)


def application(routes: Sequence[BaseRoute]) -> Starlette:
    """The ASGI application; every error leaves it as `{"error": {"message": …}}`."""
    openapi = Route("/openapi.json", _openapi)
    handlers: dict[Any, Any] = {
        BadRequest: _bad_request,
        HungUp: _hung_up,
        Unauthorized: _unauthorized,
        HTTPException: _http_error,
        Exception: _failed,
    }
    return Starlette(routes=[*routes, openapi], exception_handlers=handlers)


async def _openapi(request: Request) -> Response:  # noqa: ARG001
    return JSONResponse(document())


async def _hung_up(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return Response(status_code=499)  # as nginx calls it; nobody reads it


async def _bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, BadRequest)
    return _error(request, error.status, str(error))


async def _unauthorized(request: Request, error: Exception) -> Response:  # noqa: ARG001
    response = _error(request, 401, "Send a known token as “Authorization: Bearer …”.")
    response.headers["www-authenticate"] = "Bearer"
    return response


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = _error(request, error.status_code, error.detail)
    response.headers.update(error.headers or {})
    return response


async def _failed(request: Request, error: Exception) -> Response:
    log.error("request failed", path=request.url.path, exc_info=error)
    return _error(request, 500, "Something went wrong here; it has been logged.")


def _error(request: Request, status: int, message: str) -> Response:  # noqa: ARG001
    kind = "invalid_request_error" if status < 500 else "server_error"
    headers = {"retry-after": "5"} if status in (429, 503) else {}
    body = {"error": {"message": message, "type": kind, "code": None, "param": None}}
    return JSONResponse(body, status_code=status, headers=headers)
