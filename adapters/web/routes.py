"""What the page serves: itself, who joined, files, and the WebSocket of each tab."""

import asyncio
import re
from contextlib import suppress
from importlib.resources import files
from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, StringConstraints, ValidationError
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect

from adapters.base import AdapterError
from adapters.web import wire
from adapters.web.adapter import PageSettings, WebAdapter
from adapters.web.hub import Connection
from adapters.web.people import People
from adapters.web.refusal import Refused
from adapters.web.store import Member

SIGNED_OUT = 4001
TRY_AGAIN_LATER = 1013
STATIC = files("adapters.web") / "static"
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}


class Join(BaseModel):
    """Somebody wants in."""

    name: Annotated[str, StringConstraints(max_length=200)]
    language: Annotated[str, StringConstraints(max_length=35)] = ""


class PageRoutes:
    """The page's handlers."""

    def __init__(self, adapter: WebAdapter, people: People, settings: PageSettings) -> None:
        self._adapter = adapter
        self._people = people
        self._settings = settings

    def routes(self) -> list[BaseRoute]:
        """What is served."""
        return [
            Route("/", self.page),
            Route("/page/me", self.me),
            Route("/page/join", self.join, methods=["POST"]),
            Route("/page/files/{post}", self.file),
            WebSocketRoute("/page/live", self.live),
            Mount("/page/static", Static(directory=str(STATIC))),
        ]

    async def page(self, request: Request) -> Response:
        """The page, for browsers that came by the printed link once."""
        token = request.query_params.get("token")
        if token is not None and self._people.has_token(token):
            response = RedirectResponse("/", 303, headers=HEADERS)
            self._people.admit(response)
            return response
        if not self._people.is_admitted(request):
            return document("gate.html", 403)
        return document("index.html", 200)

    async def me(self, request: Request) -> Response:
        """Who joined from this browser."""
        if not self._people.is_admitted(request):
            return _refusal(403, Refused("no_link"))
        members = await self._people.of_browser(request.cookies)
        known = [{"id": member.id, "name": member.name} for member in members]
        body = {"people": known, "bot": self._settings.bot_name}
        return JSONResponse(body, headers=HEADERS)

    async def join(self, request: Request) -> Response:
        """Let somebody new in under a name."""
        if not self._people.is_admitted(request):
            return _refusal(403, Refused("no_link"))
        try:
            asked = Join.model_validate_json(await request.body())
        except ValidationError:
            return _refusal(422, Refused("name_long", wire.MAX_NAME_CHARS))
        response = Response()
        try:
            member = await self._people.join(asked.name, asked.language, response)
        except Refused as refused:
            return _refusal(409, refused)
        await self._adapter.actions.joined(member)
        body = JSONResponse({"id": member.id, "name": member.name}, headers=HEADERS)
        for cookie in response.headers.getlist("set-cookie"):
            body.headers.append("set-cookie", cookie)
        return body

    async def file(self, request: Request) -> Response:
        """A file, to anybody of this browser who sees its room."""
        for member in await self._members(request):
            with suppress(Refused):
                name, content = await self._adapter.reading.file(
                    member, request.path_params["post"]
                )
                disposition = f"attachment; filename*=UTF-8''{quote(name)}"
                headers = HEADERS | {"content-disposition": disposition}
                return Response(content, headers=headers, media_type="application/octet-stream")
        return _refusal(404, Refused("no_file"))

    async def live(self, socket: WebSocket) -> None:
        """Serve a tab until it closes."""
        member = await self._member(socket)
        await socket.accept()
        if member is None:
            return await socket.close(SIGNED_OUT, "join first")
        connection = Connection(socket, member)
        if self._adapter.hub.add(connection):
            self._adapter.board.show_person(member)
        tasks = {
            asyncio.create_task(connection.write()),
            asyncio.create_task(connection.overrun()),
            asyncio.create_task(self._read(socket, connection)),
        }
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            if self._adapter.hub.remove(connection):
                self._adapter.board.show_person(member)
            await asyncio.wait(tasks)
        for task in ended:
            task.result()
        return None

    async def _read(self, socket: WebSocket, connection: Connection) -> None:
        after = socket.query_params.get("after", "")
        known = int(after) if re.fullmatch("[0-9]{1,15}", after) else 0
        try:
            connection.begin(await self._adapter.reading.welcome(connection.member, known))
            while True:
                await self._take(connection, await socket.receive_text())
        except AdapterError:
            with suppress(WebSocketDisconnect, RuntimeError):
                await socket.close(TRY_AGAIN_LATER, "not recorded")
        except WebSocketDisconnect:
            return

    async def _take(self, connection: Connection, text: str) -> None:
        """One frame: done and acknowledged, or refused with a reason.

        Raises `AdapterError` where it must wait: the tab sends it again when it comes back.
        """
        action_id = ""
        try:
            asked = wire.parse(text)
            if isinstance(asked, wire.History):
                answer = await self._adapter.reading.history(connection.member, asked)
            else:
                action_id = asked.id
                await self._adapter.actions.do(connection.member, asked)
                answer = wire.frame("taken", id=action_id)
        except wire.Malformed as error:
            answer = wire.refused(error.id, Refused("malformed", error))
        except Refused as refused:
            answer = wire.refused(action_id, refused)
        connection.push(answer)

    async def _member(self, connection: HTTPConnection) -> Member | None:
        if not self._people.is_admitted(connection):
            return None
        member_id = connection.query_params.get("as", "")
        return await self._people.identify(connection.cookies, member_id)

    async def _members(self, connection: HTTPConnection) -> list[Member]:
        if not self._people.is_admitted(connection):
            return []
        return await self._people.of_browser(connection.cookies)


class Static(StaticFiles):
    """The page's own files, with its headers."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response


def document(name: str, status: int) -> Response:
    """One of the page's own documents."""
    content = (STATIC / name).read_bytes()
    return Response(content, status, headers=HEADERS, media_type="text/html")


def _refusal(status: int, refused: Refused) -> Response:
    error = {"message": str(refused), "reason": refused.reason, "detail": refused.detail}
    return JSONResponse({"error": error}, status, headers=HEADERS)
