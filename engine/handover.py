"""What a model reads before it takes over: the latest conversations, so that nobody's next prompt
has to be computed whole.

It reads while nobody is answered. Whoever asks breaks the reading off at once; the tokens computed
so far stay with the model that reads, which goes on from there. When it takes over is `pool`'s.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field

import structlog

from engine.base import Delta, EngineError, Interrupted, Message, Request, Sampling
from engine.lately import Lately, Talk

READING_S = 60.0
"""How long a change of models may take beyond loading: whoever asked for it sits there, and a team
that never pauses leaves no time to read, however long that is."""

LOG = structlog.stdlib.get_logger("engine")
NOBODY = ""
"""The person that reading is counted for."""

Stream = Callable[[Request], AsyncGenerator[Delta, None]]
"""The `engine.base.Engine.stream` of the model that reads."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a model keeps: `conversations`, and beyond that what has no more than `tokens`, all
    together. Reading more would drop what was read first, the latest."""

    conversations: int
    tokens: int


@dataclass(slots=True)
class Read:
    """What one model has read: talks, and the tokens of each conversation."""

    capacity: Capacity
    talks: set[Talk] = field(default_factory=set[Talk])
    tokens: dict[str, int] = field(default_factory=dict[str, int])

    def note(self, talk: Talk, tokens: int) -> None:
        """All of a talk was read, or with no `tokens`, refused."""
        self.talks.add(talk)
        if tokens:
            self.tokens[talk.session] = tokens

    def wants(self, talk: Talk) -> bool:
        """Whether a talk is still to be read."""
        return talk not in self.talks and (talk.session in self.tokens or self._has_room)

    @property
    def _has_room(self) -> bool:
        few = len(self.tokens) < self.capacity.conversations
        return few or sum(self.tokens.values()) <= self.capacity.tokens


class Handover:
    """Who is answered now, what was said lately, and the reading of it.

    A reading takes `longest_s` at most. `clock` gives seconds, from any start.
    """

    def __init__(
        self,
        lately: Lately | None = None,
        longest_s: float = READING_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lately = lately or Lately()
        self._longest_s = longest_s
        self._clock = clock
        self._answers = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._turn: asyncio.Timeout | None = None

    @contextmanager
    def answering(self, request: Request) -> Generator[Talk]:
        """Nothing is read while the block runs. The talk is to hear the answer.

        A conversation with a model that was asked for by name has nothing to hand over.
        """
        now_s = self._clock()
        talk = Talk(request.session, request.messages, now_s)
        if not request.model:
            self._lately.begin(talk)
        self._answers += 1
        self._quiet.clear()
        self._break_off()
        try:
            yield talk
        finally:
            if not talk.heard:
                self._lately.drop(talk)
            self._answers -= 1
            if not self._answers:
                self._quiet.set()

    def prepare(self, session: str, messages: Sequence[Message]) -> None:
        """See `engine.base.Engine.prepare`."""
        self._lately.prepare(session, messages, self._clock())

    def forget(self, session: str) -> None:
        """See `engine.base.Engine.forget`; it is not read any more when this returns."""
        self._lately.forget(session)
        self._break_off()

    def expected(self, capacity: Capacity) -> int:
        """The most conversations that a model may read, by what was said until now."""
        latest = sum(1 for _ in self._lately.latest(self._clock()))
        return latest if capacity.tokens else min(latest, capacity.conversations)

    async def read(self, stream: Stream, capacity: Capacity) -> None:
        """Have a model read what was said lately, the latest first.

        Returns when it has read all, or has no room for more, or time is up. A model that dies of
        it need not read the rest.
        """
        done = Read(capacity)
        with suppress(TimeoutError, Interrupted):
            async with asyncio.timeout(self._longest_s):
                while talk := await self._next(done):
                    await self._read(stream, talk, done)
        if done.tokens:
            tokens = sum(done.tokens.values())
            LOG.info("conversations read", conversations=len(done.tokens), tokens=tokens)

    async def _next(self, done: Read) -> Talk | None:
        """What is to be read next, as soon as nobody is answered; None when all was."""
        while (talk := self._unread(done)) and not self._quiet.is_set():
            await self._quiet.wait()
        return talk

    def _unread(self, done: Read) -> Talk | None:
        return next(filter(done.wants, self._lately.latest(self._clock())), None)

    async def _read(self, stream: Stream, talk: Talk, done: Read) -> None:
        """Have a talk read, or some of it if somebody asks meanwhile.

        What the model refuses, a prompt too long for it perhaps, it has no use for.
        """
        tokens = 0
        try:
            async with asyncio.timeout(None) as self._turn:
                async with aclosing(stream(_reading(talk))) as deltas:
                    async for delta in deltas:
                        tokens = delta.usage.prompt_tokens if delta.usage else 0
        except TimeoutError:
            return
        except Interrupted:
            raise
        except EngineError as error:
            LOG.info("conversation not read", cause=str(error))
        finally:
            self._turn = None
        done.note(talk, tokens)

    def _break_off(self) -> None:
        if self._turn is not None and not self._turn.expired():
            self._turn.reschedule(asyncio.get_running_loop().time())


def _reading(talk: Talk) -> Request:
    return Request(talk.session, NOBODY, talk.history(), Sampling(max_tokens=0))
