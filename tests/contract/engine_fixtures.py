"""Engines for tests: the real model, pulled once, in a worker or in this process."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypeVar

from engine.base import Delta, Engine, EngineStatus, Message, Request, Sampling, Usage
from engine.carrier import Carrier
from engine.client import Patience, WorkerEngine
from engine.drafter import Drafter
from engine.frames import Load
from engine.loading import Loaded, open_model
from engine.loop import Loop
from engine.models import DEMO, ModelStore, StoredModel
from engine.plan import Plan
from engine.prompt import Spelling

MODELS = Path(__file__).parents[2] / ".cache" / "models"
PLAN = Plan(context_tokens=1024, sequences=8, threads=2)
SYSTEM = Message("system", "You are a helpful assistant.")
WAIT_S = 60.0

T = TypeVar("T")


@cache
def demo_model() -> StoredModel:
    """The demo model, pulled into the checkout's cache the first time."""
    return ModelStore(MODELS).pull(DEMO.source, name=DEMO.name, sha256=DEMO.sha256)


def load_of(path: Path | None = None, plan: Plan = PLAN, sha256: str = "") -> Load:
    """What a worker is told to load: the demo model unless a path is given."""
    return Load(str(path or demo_model().path), sha256, "", plan)


@asynccontextmanager
async def worker(
    load: Load | None = None, patience: Patience | None = None
) -> AsyncGenerator[WorkerEngine]:
    """A worker on the demo model."""
    async with WorkerEngine(load or load_of(), patience=patience) as engine:
        yield engine


@cache
def loaded_model() -> Loaded:
    """The demo model in this process, for tests of single steps."""
    return open_model(load_of())


@dataclass(slots=True)
class QuickClock:
    """A clock by which every step is quick: what is planned depends on no machine."""

    now_s: float = 0.0

    def __call__(self) -> float:
        self.now_s += 0.001
        return self.now_s


@dataclass(slots=True)
class Steps:
    """A step loop in this process, driven by hand, and what it has reported."""

    loop: Loop
    clock: QuickClock
    texts: dict[int, str] = field(default_factory=dict[int, str])
    usages: dict[int, Usage] = field(default_factory=dict[int, Usage])

    @classmethod
    def fresh(
        cls,
        plan: Plan = PLAN,
        drafter: Drafter | None = None,
        carrier: Carrier | None = None,
    ) -> "Steps":
        """A loop with an empty cache."""
        model = loaded_model().model
        for sequence in range(PLAN.sequences):
            model.truncate(sequence, 0)
        clock = QuickClock()
        return cls(Loop(model, plan, clock, drafter, carrier), clock)

    def rest(self, seconds: float) -> None:
        """Nobody asks anything for so long."""
        self.clock.now_s += seconds

    def ask(self, number: int, request: Request) -> list[int]:
        """Submit a request; returns its prompt's tokens."""
        prompt = loaded_model().prompter.prompt(
            request.messages, lambda text: self.loop.spelling(request.session, text)
        )
        self.loop.submit(number, request, prompt)
        return prompt.tokens

    def spelled(self, session: str) -> Spelling:
        """How the session's answers were generated."""
        return lambda text: self.loop.spelling(session, text)

    def step(self) -> set[int]:
        """One step; returns who got text or an end."""
        report = self.loop.step()
        for number, piece in report.texts.items():
            self.texts[number] = self.texts.get(number, "") + piece.text
        self.usages |= {number: usage for number, (_, usage) in report.done.items()}
        return {*report.texts, *report.done}

    def run(self) -> None:
        """Step until nothing is left to do."""
        while self.loop.busy:
            self.step()


def request(
    text: str,
    session: str = "s",
    *,
    history: tuple[Message, ...] = (SYSTEM,),
    max_tokens: int = 16,
    stop: tuple[str, ...] = (),
    deadline_s: float | None = WAIT_S,
) -> Request:
    """A greedy request; session and person are one."""
    return Request(
        session=session,
        person=session,
        messages=(*history, Message("user", text)),
        sampling=Sampling(temperature=0, max_tokens=max_tokens, stop=stop),
        deadline_s=deadline_s,
    )


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    deltas: tuple[Delta, ...]

    @property
    def text(self) -> str:
        return "".join(delta.text for delta in self.deltas)

    @property
    def usage(self) -> Usage:
        usage = self.deltas[-1].usage
        assert usage is not None
        return usage


async def answer(engine: Engine, asked: Request) -> Reply:
    """The whole answer of an engine. Raises what the engine raises."""
    return Reply(tuple([delta async for delta in engine.stream(asked)]))


async def until(condition: Callable[[EngineStatus], bool], engine: Engine) -> EngineStatus:
    """Wait until the engine's status is as wanted."""
    return await eventually(engine.status, condition)


async def eventually(read: Callable[[], Awaitable[T]], condition: Callable[[T], bool]) -> T:
    """Read until the condition holds."""
    async with asyncio.timeout(WAIT_S):
        while not condition(value := await read()):
            await asyncio.sleep(0.005)
        return value
