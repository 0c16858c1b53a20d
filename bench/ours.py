"""Our side: the worker that the bot starts, asked through the client that the bot uses."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from bench.side import Ask
from bot.heard import Heard, hear
from engine.base import Engine, Message, Request, Sampling
from engine.client import WorkerEngine
from engine.frames import Load
from engine.plan import Plan

DEADLINE_S = 900.0


@dataclass(frozen=True, slots=True)
class Ours:
    """A worker with the model loaded."""

    engine: Engine
    pid: int = 0
    """The worker's process; 0 where there are several."""

    async def ask(self, ask: Ask) -> Heard:
        """See `Side.ask`."""
        return await hear(self.engine, request_of(ask), perf_counter)

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
        assert engine.pid is not None
        yield Ours(engine, engine.pid)
