"""What the page says while another bot answers: a note, under every address, that it stands by."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from adapters.web.routes import STATIC, Static, document

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def routes() -> list[BaseRoute]:
    """What is served; to be put last."""
    return [
        Route("/", _page),
        Mount("/page/static", Static(directory=str(STATIC))),
        Route("/{rest:path}", _elsewhere, methods=METHODS),
    ]


async def _page(request: Request) -> Response:  # noqa: ARG001
    return document("standby.html", 503)


async def _elsewhere(request: Request) -> Response:  # noqa: ARG001
    """For programs."""
    body = {"message": "This bot stands by; another one answers.", "type": "server_error"}
    return JSONResponse({"error": body}, 503, headers={"retry-after": "5"})
