"""The HTTP API: one question, one answer, through the same pipeline as every chat.

`POST /api/v1/chat` is an event on the platform `api`: recorded, ordered within its session,
answered with the session's window, kept as a turn. An `Idempotency-Key` makes the event's id, so
that a repeated request gets the recorded answer instead of a new one.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.base import Address, Kind, MessageEvent, Person
from bot.bearer import Bearer
from bot.codec import answer_key
from bot.commands import Desk
from bot.delivery import Spawn
from bot.event_stream import EventStream
from bot.hangup import while_connected
from bot.hygiene import clean
from bot.line import Answered, Grown, Line, Progress, Refused
from bot.pipeline import ONCE, Pipeline
from bot.reply import Sinks
from bot.wire import BadRequest, read
from storage.records import Recorded, Turn

PLATFORM = "api"
STATUS = {"too_long": 413, "too_long_for_model": 413, "busy": 429, "too_many_waiting": 429}
"""HTTP statuses of refusals; any other reason is 503."""


class ChatRequest(BaseModel):
    """A question."""

    model_config = ConfigDict(extra="forbid")

    message: str = Field(description="What to ask.")
    session: str = Field(
        default="", max_length=200, description="Conversation; a new one if left out."
    )
    stream: bool = Field(default=False, description="Answer as Server-Sent Events.")
    max_tokens: int | None = Field(default=None, ge=1, description="Bound of the answer.")

    @field_validator("message")
    @classmethod
    def _not_blank(cls, message: str) -> str:
        if not clean(message).strip():
            raise ValueError("the message is empty")
        return message


class ChatUsage(BaseModel):
    """Tokens and seconds that an answer took.

    `slide`: how the prompt's prefix came to be there if the window had slid (`shifted`, `warmed` or
    `refilled`), else empty.
    """

    prompt_tokens: int = 0
    reused_tokens: int = 0
    prefilled_tokens: int = 0
    completion_tokens: int = 0
    queued_s: float = 0
    prefill_s: float = 0
    decode_s: float = 0
    slide: str = ""
    drafted_tokens: int = 0
    taken_tokens: int = 0


class ChatResponse(BaseModel):
    """An answer. `turn` counts the turns of the session from 1."""

    reply: str
    session: str
    turn: int
    usage: ChatUsage


@dataclass(frozen=True, slots=True)
class Asked:
    """A question on its way."""

    event: MessageEvent
    answer: str
    line: Line


class ChatApi:
    """The handlers of `/api/v1`."""

    def __init__(
        self, desk: Desk, pipeline: Pipeline, sinks: Sinks, bearer: Bearer, spawn: Spawn
    ) -> None:
        self._desk = desk
        self._spawn = spawn
        self._pipeline = pipeline
        self._sinks = sinks
        self._bearer = bearer

    def routes(self) -> list[Route]:
        """What is served."""
        return [Route("/api/v1/chat", self.chat, methods=["POST"])]

    async def chat(self, request: Request) -> Response:
        """Answer a question, at once or as a stream."""
        caller = self._bearer.caller(request)
        body = await read(request, ChatRequest)
        key = request.headers.get("idempotency-key", "")
        asked = self._ask(caller, body, key)
        self._sinks.hold(asked.answer, asked.line)
        try:
            recorded = await self._pipeline.emit(PLATFORM, caller, [asked.event], None)
        except BaseException:
            self._sinks.hang_up(asked.answer)
            raise
        if recorded.repeated:
            return await self._repeat(asked, recorded)
        if body.stream:
            return EventStream(self._telling(asked))
        return await self._whole(request, asked)

    def _ask(self, caller: str, body: ChatRequest, key: str) -> Asked:
        now = datetime.now(UTC)
        event_id = f"key:{key}" if key else f"{ONCE}{uuid4()}"
        event = MessageEvent(
            event_id=event_id,
            kind=Kind.MESSAGE,
            address=Address(PLATFORM, caller, body.session or _new_session(key), direct=True),
            sender=Person(caller, caller),
            message_id=event_id,
            sent_at=datetime.fromtimestamp(0, UTC) if key else now,
            text=body.message,
        )
        line = Line(self._desk.memory.outbox.assert_held, body.max_tokens)
        return Asked(event, answer_key(event), line)

    async def _repeat(self, asked: Asked, recorded: Recorded) -> Response:
        self._sinks.hang_up(asked.answer)
        if recorded.conflicting:
            raise BadRequest(409, "This Idempotency-Key came before with another body.")
        turn = await self._desk.memory.turns.get(asked.answer)
        if turn is None:
            raise BadRequest(409, "The request with this Idempotency-Key is not answered yet.")
        return JSONResponse(_response(turn))

    async def _whole(self, request: Request, asked: Asked) -> Response:
        match await while_connected(request, self._last(asked)):
            case Answered(turn):
                return JSONResponse(_response(turn))
            case Refused(reason, text):
                raise BadRequest(STATUS.get(reason, 503), text)

    async def _last(self, asked: Asked) -> Answered | Refused:
        async with self._listening(asked) as steps:
            async for step in steps:
                if not isinstance(step, Grown):
                    return step
        raise AssertionError("a line ends in an answer or a refusal")

    @asynccontextmanager
    async def _telling(self, asked: Asked) -> AsyncGenerator[AsyncIterator[dict[str, Any]]]:
        async with self._listening(asked) as steps:
            yield (_shown(step) async for step in steps)

    @asynccontextmanager
    async def _listening(self, asked: Asked) -> AsyncGenerator[AsyncIterator[Progress]]:
        """The line's progress; who hangs up before the end withdraws the question."""
        try:
            yield asked.line.progress()
        finally:
            self._sinks.hang_up(asked.answer)
            if not asked.line.told and asked.event.event_id.startswith(ONCE):
                self._spawn(self._withdraw(asked.event))

    async def _withdraw(self, event: MessageEvent) -> None:
        gone = replace(event, event_id=f"{ONCE}{uuid4()}", kind=Kind.DELETE, text="")
        await self._pipeline.emit(PLATFORM, event.address.account, [gone], None)


def _new_session(key: str) -> str:
    """A session's name; a request that is sent again names the same one again."""
    return str(uuid5(NAMESPACE_URL, f"parley:session:{key}") if key else uuid4())


def _shown(step: Progress) -> dict[str, Any]:
    match step:
        case Grown(text, restarted):
            return {"delta": text, "restart": True} if restarted else {"delta": text}
        case Answered(turn):
            told = _response(turn)
            del told["reply"]  # it came in pieces
            return {"done": True, **told}
        case Refused(reason, text):
            return {"error": {"code": reason, "message": text}}


def _response(turn: Turn) -> dict[str, Any]:
    return {
        "reply": turn.answer,
        "session": turn.session.split(":", 2)[2],
        "turn": turn.number,
        "usage": json.loads(turn.usage),
    }
