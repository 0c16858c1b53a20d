"""Any server that speaks OpenAI's chat completions (llama-server, vLLM, Ollama …), over httpx.

Only fields of OpenAI's own protocol are sent, for some servers refuse others; so `top_k`, `min_p`
and `repeat_penalty` are the server's. There is no tokenizer to ask: `count` estimates, on the safe
side. Waiting, batching and prefix reuse are the server's too.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import BaseModel, Field, ValidationError

from engine.base import (
    ContextTooLong,
    Delta,
    EngineError,
    EngineStatus,
    Finish,
    Interrupted,
    Message,
    Overloaded,
    Request,
    Unavailable,
    Usage,
)
from engine.deadline import Deadline

BYTES_A_TOKEN = 3
MESSAGE_OVERHEAD_TOKENS = 6
MAX_ERROR_BYTES = 64 << 10
MAX_LINE_BYTES = 1 << 20
DEFAULT_RETRY_S = 5.0
LEAST_RETRY_S, MAX_RETRY_S = 1.0, 600.0
"""Whatever a server says of when to come back; at once would be all the time."""
_PROBE_EVERY_S = 10.0
_LINE_END = re.compile(rb"[\r\n]+")


class _Text(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    delta: _Text = Field(default_factory=_Text)
    finish_reason: str | None = None


class _Cached(BaseModel):
    cached_tokens: int | None = None


class _Tokens(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int | None = None
    prompt_tokens_details: _Cached | None = None


class _Event(BaseModel):
    """One chunk of a streamed chat completion, or an error in the middle of one."""

    choices: list[_Choice] = []
    usage: _Tokens | None = None
    error: Any = None


class _Refusal(BaseModel):
    """What an error body says; the numbers are llama-server's."""

    type: str | int | None = None
    code: str | int | None = None
    n_prompt_tokens: int = 0
    n_ctx: int = 0


class _Refused(BaseModel):
    error: _Refusal = Field(default_factory=_Refusal)


class _Listed(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Listed] = []


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds until a connection stands, until a server that computes says something, and until
    a status probe is given up."""

    connect_s: float = 5.0
    silence_s: float = 300.0
    probe_s: float = 3.0


class RemoteEngine:
    """An `Engine` over a server at `base_url` (with its `/v1`), answering as `model`.

    `context_tokens` is what the server was started with, where that is known. Use it as an async
    context manager.
    """

    def __init__(
        self,
        base_url: str,
        model: str = "",
        api_key: str = "",
        *,
        context_tokens: int = 0,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._model = model
        self._context_tokens = context_tokens
        self._timeouts = timeouts or Timeouts()
        # No proxies or credentials from the environment: only the configured host is contacted.
        self._client = httpx.AsyncClient(
            base_url=base_url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx.Timeout(self._timeouts.silence_s, connect=self._timeouts.connect_s),
            trust_env=False,
        )
        self._status = EngineStatus("loading", model=model, context_tokens=context_tokens)
        self._probed_at = float("-inf")
        self._probing = asyncio.Lock()
        self._running = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """See `engine.base.Engine.stream`; closing it closes the connection."""
        deadline = Deadline(request.deadline_s)
        self._running += 1
        try:
            async with aclosing(self._deltas(request)) as deltas:
                while (delta := await deadline.bound(anext(deltas, None))) is not None:
                    yield delta
        finally:
            self._running -= 1

    async def status(self) -> EngineStatus:
        """Whether the server lists its models, asked again every ten seconds at most."""
        async with self._probing:
            now = time.monotonic()
            if now - self._probed_at > _PROBE_EVERY_S:
                self._status = await self._probe()
                self._probed_at = now
        return EngineStatus(
            self._status.state,
            model=self._status.model,
            detail=self._status.detail,
            context_tokens=self._context_tokens,
            running=self._running,
        )

    async def count(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """An estimate, rather too large: a token a `BYTES_A_TOKEN` bytes of UTF-8."""
        return tuple(
            -(-len(m.content.encode("utf-8", "replace")) // BYTES_A_TOKEN) + MESSAGE_OVERHEAD_TOKENS
            for m in messages
        )

    async def prepare(self, session: str, messages: Sequence[Message]) -> None:
        """Nothing: the protocol has no sessions."""

    async def forget(self, session: str) -> None:
        """Nothing: the protocol has no sessions."""

    async def _deltas(self, request: Request) -> AsyncGenerator[Delta, None]:
        answer = _Answer(time.monotonic())
        try:
            async with self._client.stream(
                "POST", "chat/completions", json=self._body(request)
            ) as response:
                if not response.is_success:
                    raise _error_of(response, await _refusal(response))
                async for event in _events(response):
                    for delta in answer.take(event):
                        yield delta
        except httpx.HTTPError as exc:
            raise self._broken(exc, answer) from exc
        yield answer.end()

    def _body(self, request: Request) -> dict[str, Any]:
        sampling = request.sampling
        body: dict[str, Any] = {
            "messages": [
                {"role": m.role, "content": m.content.encode("utf-8", "replace").decode()}
                for m in request.messages
            ],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        optional = {"model": self._model, "stop": list(sampling.stop), "seed": sampling.seed}
        return body | {key: value for key, value in optional.items() if value not in ("", [], None)}

    def _broken(self, exc: httpx.HTTPError, answer: "_Answer") -> EngineError:
        """The one place where a broken connection becomes an error of ours."""
        what = type(exc).__name__
        if answer.begun:
            return _interrupted(f"broke off ({what})")
        return Unavailable(f"the model server cannot be reached ({what})")

    async def _probe(self) -> EngineStatus:
        try:
            response = await self._client.get("models", timeout=self._timeouts.probe_s)
        except httpx.HTTPError as exc:
            detail = f"the model server cannot be reached ({type(exc).__name__})"
            return EngineStatus("failed", model=self._model, detail=detail)
        if response.status_code == 503:
            return EngineStatus("loading", model=self._model, detail="the model server is loading")
        if not response.is_success:
            detail = f"the model server answers {response.status_code}"
            return EngineStatus("failed", model=self._model, detail=detail)
        return EngineStatus("ready", model=self._model or _first_model(response))


class _Answer:
    """Chunks of the wire → deltas, and what the last one must say."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._first: float | None = None
        self._finish: Finish | None = None
        self._usage = _Tokens()
        self._chunks = 0

    @property
    def begun(self) -> bool:
        """Whether any of the answer has come."""
        return self._first is not None

    def take(self, event: _Event) -> list[Delta]:
        """The deltas in one event. Raises `Interrupted` when the event is an error."""
        if event.error is not None:
            raise _interrupted("failed in the answer")
        self._usage = event.usage or self._usage
        deltas: list[Delta] = []
        for choice in event.choices:
            if text := choice.delta.content:
                self._first = self._first or time.monotonic()
                self._chunks += 1
                deltas.append(Delta(text))
            if reason := choice.finish_reason:
                self._finish = "length" if reason == "length" else "stop"
        return deltas

    def end(self) -> Delta:
        """The last delta. Raises `Interrupted` when the server never finished."""
        if self._finish is None:
            raise _interrupted("broke off")
        now = time.monotonic()
        first = self._first or now
        prompt = self._usage.prompt_tokens
        details = self._usage.prompt_tokens_details
        reused = min(prompt, (details and details.cached_tokens) or 0)
        usage = Usage(
            prompt_tokens=prompt,
            reused_tokens=reused,
            prefilled_tokens=prompt - reused,
            completion_tokens=self._usage.completion_tokens or self._chunks,
            queued_s=0.0,
            prefill_s=first - self._began,
            decode_s=now - first,
        )
        return Delta(finish=self._finish, usage=usage)


def _interrupted(what: str) -> Interrupted:
    """The answer broke off, for the reason in words.

    Who else was answered then is not known here. So whoever it happened to is taken for the cause:
    tried again as often as an innocent one, it would be tried for ever.
    """
    return Interrupted(f"the model server {what}", alone=True)


async def _events(response: httpx.Response) -> AsyncGenerator[_Event, None]:
    """The events of a stream of Server-Sent Events, up to `[DONE]`."""
    async with aclosing(_lines(response)) as lines:
        async for line in lines:
            if not line.startswith("data:"):
                continue
            data = line[5:].strip()
            if data == "[DONE]":
                return
            try:
                yield _Event.model_validate_json(data)
            except ValidationError as exc:
                raise _interrupted("sends what is no chunk") from exc


async def _lines(response: httpx.Response) -> AsyncGenerator[str, None]:
    """The lines of a stream of events: they end in CR, in LF or in both, and in nothing else that
    ends a line for Unicode, for that may stand in a text (WHATWG HTML, 9.2.5)."""
    rest = b""
    async for chunk in response.aiter_bytes():
        *lines, rest = _LINE_END.split(rest + chunk)
        for line in lines:
            yield line.decode("utf-8", "replace")
        if len(rest) > MAX_LINE_BYTES:
            raise _interrupted("sends a line without an end")
    yield rest.decode("utf-8", "replace")


async def _refusal(response: httpx.Response) -> _Refusal:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ERROR_BYTES:
            return _Refusal()
    try:
        return _Refused.model_validate_json(body).error
    except ValidationError:
        return _Refusal()


def _error_of(response: httpx.Response, refusal: _Refusal) -> EngineError:
    """The one place where a refusal becomes an error of ours."""
    status = response.status_code
    kind = f"{refusal.type} {refusal.code}"
    if "exceed_context_size" in kind or "context_length_exceeded" in kind:
        return ContextTooLong(refusal.n_prompt_tokens, refusal.n_ctx)
    if status == 429 or (status == 503 and "Retry-After" in response.headers):
        return Overloaded("the model server is overloaded", _retry_after_s(response))
    return Unavailable(f"the model server answers {status}")


def _retry_after_s(response: httpx.Response) -> float:
    try:
        return min(MAX_RETRY_S, max(LEAST_RETRY_S, float(response.headers["Retry-After"])))
    except (KeyError, ValueError):
        return DEFAULT_RETRY_S


def _first_model(response: httpx.Response) -> str:
    try:
        models = _Models.model_validate_json(response.content).data
    except ValidationError:
        return ""
    return models[0].id if models else ""
