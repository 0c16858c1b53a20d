"""A model server that speaks OpenAI's streaming protocol, on a port of its own, with faults.

It echoes the last user message word by word, minds `max_tokens`, `stop` and its context, and lists
one model. Faults are queued: each completion takes the next one.
"""

import asyncio
import json
import socket
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

MODEL = "fake-1"


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with a status and an error body."""

    status: int
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class BreakOff:
    """Close the connection after some words, without an end."""

    words: int = 2


@dataclass(frozen=True, slots=True)
class Say:
    """Send these lines instead of chunks."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pour:
    """Send one line of so many bytes, without an end."""

    size_bytes: int


Fault = Refuse | BreakOff | Say | Pour
POURED = "x" * 65_536


@dataclass(slots=True)
class OpenAIServer:
    """The server's state; `url` is what a client's base URL must be."""

    poured_bytes: int = 0

    context_tokens: int = 1024
    faults: deque[Fault] = field(default_factory=deque[Fault])
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    keys: list[str] = field(default_factory=list[str])
    models_status: int = 200
    abandoned: asyncio.Event = field(default_factory=asyncio.Event)
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def models(self, request: Request) -> Response:
        listed = {"id": MODEL, "object": "model", "created": 0, "owned_by": "tests"}
        return JSONResponse({"object": "list", "data": [listed]}, self.models_status)

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        self.keys.append(request.headers.get("Authorization", ""))
        fault = self.faults.popleft() if self.faults else None
        if isinstance(fault, Refuse):
            return JSONResponse(fault.body, fault.status, fault.headers)
        prompt = sum(len(m["content"].split()) + 4 for m in body["messages"])
        if prompt >= self.context_tokens:
            return JSONResponse({"error": self._too_long(prompt)}, 400)
        lines = self._lines(fault, body, prompt)
        return StreamingResponse(lines, media_type="text/event-stream")

    def _lines(
        self, fault: BreakOff | Say | Pour | None, body: dict[str, Any], prompt: int
    ) -> AsyncIterator[str]:
        match fault:
            case Say():
                return self._said(fault)
            case Pour():
                return self._poured(fault)
            case _:
                return self._stream(body, prompt, fault)

    def _too_long(self, prompt: int) -> dict[str, Any]:
        # llama-server's own words (tools/server, exceed_context_size_error).
        return {
            "code": 400,
            "type": "exceed_context_size_error",
            "message": "the request exceeds the available context size",
            "n_prompt_tokens": prompt,
            "n_ctx": self.context_tokens,
        }

    async def _said(self, fault: Say) -> AsyncIterator[str]:
        for line in fault.lines:
            yield f"{line}\n\n"

    async def _poured(self, fault: Pour) -> AsyncIterator[str]:
        while self.poured_bytes < fault.size_bytes:
            yield POURED
            self.poured_bytes += len(POURED)

    async def _stream(
        self, body: dict[str, Any], prompt: int, fault: BreakOff | None
    ) -> AsyncIterator[str]:
        words, finish = _words(body)
        try:
            yield _chunk({"role": "assistant", "content": ""})
            for number, word in enumerate(words):
                if fault and number >= fault.words:
                    raise ConnectionResetError("the fake breaks off")
                await self.flowing.wait()
                yield _chunk({"content": word})
            yield _chunk({}, finish)
            usage = {
                "prompt_tokens": prompt,
                "completion_tokens": len(words),
                "total_tokens": prompt + len(words),
                "prompt_tokens_details": {"cached_tokens": 1},
            }
            yield _event({**_frame(), "choices": [], "usage": usage})
            yield "data: [DONE]\n\n"
        except asyncio.CancelledError:
            self.abandoned.set()
            raise


def _words(body: dict[str, Any]) -> tuple[list[str], str]:
    said = [m["content"] for m in body["messages"] if m["role"] == "user"][-1]
    text = f"echo: {said}"
    stops: list[str] = body.get("stop") or []
    for stop in stops:
        text = text.split(stop)[0]
    words = [word + " " for word in text.split(" ")]
    words[-1] = words[-1].rstrip(" ")
    most = body.get("max_tokens") or len(words)
    return words[:most], "length" if len(words) > most else "stop"


def _frame() -> dict[str, Any]:
    return {"id": "c-1", "object": "chat.completion.chunk", "created": 0, "model": MODEL}


def _chunk(delta: dict[str, str], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _event({**_frame(), "choices": [choice]})


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"


@asynccontextmanager
async def openai_server() -> AsyncGenerator[OpenAIServer]:
    """A running server on a free port of 127.0.0.1."""
    server = OpenAIServer()
    server.flowing.set()
    app = Starlette(
        routes=[
            Route("/v1/models", server.models),
            Route("/v1/chat/completions", server.complete, methods=["POST"]),
        ]
    )
    config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none")
    running = uvicorn.Server(config)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        server.url = f"http://127.0.0.1:{sock.getsockname()[1]}/v1"
        task = asyncio.create_task(running.serve([sock]))
        try:
            yield server
        finally:
            server.flowing.set()
            running.should_exit = True
            await task
