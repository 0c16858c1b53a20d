"""`/v1/chat/completions` and `/v1/models`: the same engine for tools that speak OpenAI's protocol.

The caller brings the whole conversation, so nothing is recorded and no window is cut; the work
stands in the engine's line like any other and is counted for the caller. Who loses the database's
lease says no more here either.
Wire format: OpenAI API reference, “Chat Completions”.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.bearer import Bearer
from bot.config import Settings
from bot.event_stream import EventStream
from bot.hangup import while_connected
from bot.hygiene import clean
from bot.model import model_names
from bot.wire import BadRequest, read
from engine import base
from engine.base import Delta, Engine, Message, Sampling
from storage.records import Fenced


class ContentPart(BaseModel):
    """A piece of a message."""

    type: Literal["text"]
    text: str


class InMessage(BaseModel):
    """A message of the conversation."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[ContentPart]

    def message(self) -> Message:
        """The message in the engine's form."""
        content = self.content
        text = content if isinstance(content, str) else "".join(part.text for part in content)
        return Message("system" if self.role == "developer" else self.role, clean(text))


class StreamOptions(BaseModel):
    """What a stream carries besides deltas."""

    include_usage: bool = False


class CompletionRequest(BaseModel):
    """A chat completion; what is not listed here is accepted and has no effect."""

    model_config = ConfigDict(extra="ignore")

    model: str = ""
    messages: list[InMessage] = Field(min_length=1, max_length=1_000)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    temperature: float | None = Field(default=None, ge=0, le=5)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    stop: str | list[str] | None = None
    seed: int | None = None
    n: Literal[1] = 1
    user: str = Field(default="", max_length=200)


@dataclass(frozen=True, slots=True)
class Completion:
    """What all chunks of one completion share."""

    id: str
    created: int
    model: str

    def chunk(self, delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
        """One event of a stream."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return self._envelope("chat.completion.chunk", [choice])

    def usage(self, usage: base.Usage) -> dict[str, Any]:
        """The event that carries the usage."""
        return self._envelope("chat.completion.chunk", []) | {"usage": _usage(usage)}

    def whole(self, text: str, last: Delta) -> dict[str, Any]:
        """The response of a request that is not streamed."""
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": last.finish,
            "logprobs": None,
        }
        body = self._envelope("chat.completion", [choice])
        return body | {"usage": _usage(last.usage)} if last.usage else body

    def _envelope(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }


class OpenAiApi:
    """The handlers of `/v1`. `assert_held` raises `Fenced` when another bot may answer by now."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        bearer: Bearer,
        assert_held: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._bearer = bearer
        self._assert_held = assert_held

    def routes(self) -> list[Route]:
        """What is served."""
        return [
            Route("/v1/chat/completions", self.complete, methods=["POST"]),
            Route("/v1/models", self.models),
        ]

    async def models(self, request: Request) -> Response:
        """The model that answers, and those of the store that answer when they are named."""
        self._bearer.caller(request)
        names = dict.fromkeys([await self._model(), *await self._others()])
        assert_ours(self._assert_held)
        data = [
            {"id": name, "object": "model", "created": 0, "owned_by": "parley"} for name in names
        ]
        return JSONResponse({"object": "list", "data": data})

    async def complete(self, request: Request) -> Response:
        """Go on with the conversation that the caller brings."""
        caller = self._bearer.caller(request)
        body = await read(request, CompletionRequest)
        named = body.model if body.model in await self._others() else ""
        model = named or await self._model()
        completion = Completion(f"chatcmpl-{uuid4().hex}", int(time.time()), model)
        deltas = _held(self._engine.stream(self._request(caller, body, named)), self._assert_held)
        if not body.stream:
            return JSONResponse(completion.whole(*await while_connected(request, _whole(deltas))))
        first = await while_connected(request, _first(deltas))
        with_usage = body.stream_options.include_usage
        return EventStream(_telling(completion, first, deltas, with_usage=with_usage))

    async def _model(self) -> str:
        return (await self._engine.status()).model or self._settings.engine.model

    async def _others(self) -> list[str]:
        """Models that may be named; none where the engine has but one."""
        if not isinstance(self._engine, base.Swaps):
            return []
        return await asyncio.to_thread(model_names, self._settings)

    def _request(self, caller: str, body: CompletionRequest, model: str) -> base.Request:
        person = f"openai:{caller}:{body.user}"
        return base.Request(
            session=person,
            person=person,
            messages=tuple(message.message() for message in body.messages),
            sampling=self._sampling(body),
            deadline_s=self._settings.engine.deadline_s,
            model=model,
        )

    def _sampling(self, body: CompletionRequest) -> Sampling:
        engine = self._settings.engine
        asked = body.max_completion_tokens or body.max_tokens or engine.max_tokens
        stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
        return Sampling(
            temperature=engine.temperature if body.temperature is None else body.temperature,
            top_p=engine.top_p if body.top_p is None else body.top_p,
            top_k=engine.top_k,
            min_p=engine.min_p,
            repeat_penalty=engine.repeat_penalty,
            max_tokens=min(asked, engine.context_tokens // 2),
            stop=stop[:4],
            seed=body.seed,
        )


async def _held(
    deltas: AsyncGenerator[Delta, None], assert_held: Callable[[], None]
) -> AsyncGenerator[Delta, None]:
    """The deltas as long as this bot is the one that answers. Raises `BadRequest` from then on."""
    async with aclosing(deltas):
        async for delta in deltas:
            assert_ours(assert_held)
            yield delta


def assert_ours(assert_held: Callable[[], None]) -> None:
    """Raises `BadRequest` unless this bot is the one that answers, as a database's own says."""
    try:
        assert_held()
    except Fenced as error:
        raise BadRequest(503, "Another bot answers by now. Ask it, or try again.") from error


async def _first(deltas: AsyncGenerator[Delta, None]) -> Delta:
    """The first delta, so that what fails before it is still an HTTP status."""
    try:
        return await anext(deltas)
    except base.EngineError as error:
        raise refusal(error) from error


async def _whole(deltas: AsyncGenerator[Delta, None]) -> tuple[str, Delta]:
    """All of an answer's text, and its last delta."""
    async with aclosing(deltas):
        told = [delta async for delta in _chain(await _first(deltas), deltas)]
    return "".join(delta.text for delta in told), told[-1]


def refusal(error: base.EngineError) -> BadRequest:
    """What a caller is told of an engine's error."""
    match error:
        case base.Overloaded():
            return BadRequest(429, f"{error}. Try again in {error.retry_after_s:.0f} s.")
        case base.ContextTooLong():
            return BadRequest(400, f"{error}. Send less.")
        case _:
            return BadRequest(503, f"{error}")


async def _chain(first: Delta, rest: AsyncGenerator[Delta, None]) -> AsyncIterator[Delta]:
    yield first
    try:
        async for delta in rest:
            yield delta
    except base.EngineError as error:
        raise refusal(error) from error


@asynccontextmanager
async def _telling(
    completion: Completion,
    first: Delta,
    deltas: AsyncGenerator[Delta, None],
    *,
    with_usage: bool,
) -> AsyncGenerator[AsyncIterator[dict[str, Any]]]:
    async with aclosing(deltas):
        yield _chunks(completion, _chain(first, deltas), with_usage=with_usage)


async def _chunks(
    completion: Completion, deltas: AsyncIterator[Delta], *, with_usage: bool
) -> AsyncIterator[dict[str, Any]]:
    yield completion.chunk({"role": "assistant", "content": ""})
    try:
        async for delta in deltas:
            if delta.text:
                yield completion.chunk({"content": delta.text})
            if delta.finish:
                yield completion.chunk({}, delta.finish)
            if delta.usage and with_usage:
                yield completion.usage(delta.usage)
    except BadRequest as error:
        yield {"error": {"message": str(error), "type": "server_error"}}


def _usage(usage: base.Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.reused_tokens},
    }
