"""Our side: the worker that the bot starts, asked through the client that the bot uses."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from bench.side import Ask, Heard
from engine.base import Message, Request, Sampling, Usage
from engine.client import WorkerEngine
from engine.frames import Load
from engine.plan import Plan

DEADLINE_S = 900.0


@dataclass(frozen=True, slots=True)
class Ours:
    """A worker with the model loaded."""

    engine: WorkerEngine

    @property
    def pid(self) -> int:
        """The worker's process."""
        assert self.engine.pid is not None
        return self.engine.pid

    async def ask(self, ask: Ask) -> Heard:
        """See `Side.ask`."""
        asked, arrivals, text = perf_counter(), list[float](), ""
        usage: Usage | None = None
        async with aclosing(self.engine.stream(request_of(ask))) as deltas:
            async for delta in deltas:
                if delta.text:
                    arrivals.append(perf_counter())
                    text += delta.text
                usage = delta.usage or usage
        assert usage is not None, "the last delta has the usage"
        times = tuple(arrivals or [perf_counter()])
        tokens, computed = usage.completion_tokens, usage.prefilled_tokens
        return Heard(asked, times, text, tokens, computed, usage.slide)

    async def rest(self, session: str, messages: tuple[Message, ...]) -> None:
        """See `Side.rest`: the bot says so after each answer with which the window slides."""
        await self.engine.prepare(session, messages)


def request_of(ask: Ask) -> Request:
    """What the bot would submit; greedy and without a penalty, as the peers are asked."""
    sampling = Sampling(temperature=0, repeat_penalty=1.0, max_tokens=ask.max_tokens)
    return Request(ask.session, ask.person, ask.messages, sampling, DEADLINE_S)


@asynccontextmanager
async def ours(model: Path, plan: Plan) -> AsyncGenerator[Ours]:
    """Start a worker and wait until it can answer."""
    async with WorkerEngine(Load(str(model), "", "", plan)) as engine:
        await engine.count([Message("user", "Is somebody there?")])
        yield Ours(engine)
