"""A deterministic engine without a model: answers that a test wrote down, else an echo.

It keeps every promise of `engine.base`: text arrives in several deltas, the last one carries finish
and usage, `max_tokens`, stop strings, the context and the deadline bind, and closing the generator
cancels. A token is a run of non-space characters with the space after it.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from math import cos, sin

from engine.base import (
    ContextTooLong,
    Delta,
    Embeddings,
    EngineError,
    EngineStatus,
    Finish,
    Message,
    Request,
    Sampling,
    Usage,
    Waiting,
)
from engine.deadline import Deadline

MESSAGE_OVERHEAD_TOKENS = 4
"""What a message costs beyond its text, as a chat template would add."""


@dataclass(frozen=True, slots=True)
class Script:
    """One answer: a place in the line first if `waiting`, then `text`, then `error` if given."""

    text: str = ""
    error: EngineError | None = None
    waiting: Waiting | None = None


class ScriptedEngine:
    """Answers with the enqueued scripts in order, then with `echo: <last user message>`.

    `token_delay_s` is slept (through `sleep`) before each token. `requests` lists what was asked,
    `cancelled` the requests whose generator was closed early, `forgotten` the forgotten sessions,
    `prepared` the beginnings that were announced.
    `hold()` makes answers stop before their next token until `release()`.
    """

    def __init__(
        self,
        *,
        token_delay_s: float = 0.0,
        context_tokens: int = 4096,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.token_delay_s = token_delay_s
        self.context_tokens = context_tokens
        self.requests: list[Request] = []
        self.cancelled: list[Request] = []
        self.forgotten: list[str] = []
        self.prepared: list[tuple[str, tuple[Message, ...]]] = []
        self.state = EngineStatus("ready", model="scripted", context_tokens=context_tokens)
        self._sleep = sleep
        self._scripts: deque[Script] = deque()
        self._running = 0
        self._flowing = asyncio.Event()
        self._flowing.set()

    def enqueue(self, *answers: str | EngineError | Script) -> None:
        """Say what the next requests get: a text, an error at once, or a whole `Script`."""
        self._scripts.extend(_script(answer) for answer in answers)

    def hold(self) -> None:
        """Let no token out until `release()`."""
        self._flowing.clear()

    def release(self) -> None:
        """Let tokens out again."""
        self._flowing.set()

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Answer from the next script; see `engine.base.Engine.stream`."""
        self.requests.append(request)
        script = self._scripts.popleft() if self._scripts else Script(echo(request))
        answer = self._answer(request, script)
        self._running += 1
        deadline = Deadline(request.deadline_s)
        try:
            while (delta := await deadline.bound(anext(answer, None))) is not None:
                yield delta
        except (GeneratorExit, asyncio.CancelledError):
            self.cancelled.append(request)
            raise
        finally:
            self._running -= 1
            await answer.aclose()

    async def _answer(self, request: Request, script: Script) -> AsyncGenerator[Delta, None]:
        prompt = sum(await self.count(request.messages))
        if prompt >= self.context_tokens:
            raise ContextTooLong(prompt, self.context_tokens)
        if script.waiting is not None:
            yield Delta(waiting=script.waiting)
        tokens, finish = _bounded(script.text, request.sampling)
        for token in tokens:
            await self._pace()
            yield Delta(token)
        if script.error is not None:
            raise script.error
        await self._pace()
        yield Delta(finish=finish, usage=_usage(prompt, len(tokens)))

    async def _pace(self) -> None:
        await self._flowing.wait()
        if self.token_delay_s > 0:
            await self._sleep(self.token_delay_s)

    async def status(self) -> EngineStatus:
        """`state` with the number of answers running; set `state` to play another."""
        return replace(self.state, running=self._running)

    async def count(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Words of each message and `MESSAGE_OVERHEAD_TOKENS`."""
        return tuple(len(split(m.content)) + MESSAGE_OVERHEAD_TOKENS for m in messages)

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Vectors of two numbers: like texts are those of like length."""
        tokens = sum(len(split(text)) for text in texts)
        angles = [len(text) / 100 for text in texts]
        return Embeddings("scripted", tuple((cos(x), sin(x)) for x in angles), tokens)

    async def prepare(self, session: str, messages: Sequence[Message]) -> None:
        """Note the messages in `prepared`."""
        self.prepared.append((session, tuple(messages)))

    async def forget(self, session: str) -> None:
        """Note the session in `forgotten`."""
        self.forgotten.append(session)


def echo(request: Request) -> str:
    """The default answer: the last user message, marked."""
    said = [m.content for m in request.messages if m.role == "user"]
    return f"echo: {said[-1]}" if said else "echo:"


def split(text: str) -> list[str]:
    """The tokens of a text; joined they are the text again."""
    return re.findall(r"\s*\S+\s*|\s+", text)


def _script(answer: str | EngineError | Script) -> Script:
    if isinstance(answer, str):
        return Script(answer)
    return answer if isinstance(answer, Script) else Script(error=answer)


def _bounded(text: str, sampling: Sampling) -> tuple[list[str], Finish]:
    cuts = [text.find(stop) for stop in sampling.stop if stop in text]
    tokens = split(text[: min(cuts)] if cuts else text)
    if len(tokens) > sampling.max_tokens:
        return tokens[: sampling.max_tokens], "length"
    return tokens, "stop"


def _usage(prompt_tokens: int, completion_tokens: int) -> Usage:
    return Usage(
        prompt_tokens=prompt_tokens,
        reused_tokens=0,
        prefilled_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        queued_s=0.0,
        prefill_s=0.0,
        decode_s=0.0,
    )
