"""The asyncio face of a worker: requests and questions to it.

A slow reader's deltas are merged here, so nothing waits for it. When the worker dies, requests in
flight fail with `Interrupted` and their sessions are suspects: see `gate`. While a new worker
loads, requests wait, as long as their deadline lets them. That there is a worker is `keeper`'s.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

from engine import frames
from engine.base import (
    ContextTooLong,
    Delta,
    Embeddings,
    EngineError,
    EngineStatus,
    Message,
    Overloaded,
    Request,
    Unavailable,
)
from engine.child import Child
from engine.counts import Counts
from engine.deadline import PASSED, Deadline
from engine.embedding import packs
from engine.frames import BadFrame, Load, Wire
from engine.gate import Gate
from engine.inbox import Inbox
from engine.inflight import InFlight, error_of
from engine.keeper import Keeper, Patience, Sleep
from engine.lobby import Lobby
from engine.questions import Gone

__all__ = ["Patience", "WorkerEngine"]

EMBEDDED_CHARS = 16_384
"""Characters of the texts that are embedded with one question, unless a single text has more: what
a slow machine computes while others wait for their turn, and all that is computed twice when it
dies. Few enough tokens for a few passes, whatever the language."""
WORKERS_ASKED = 3
"""A question that so many workers have died with is asked no more: it may be what killed them."""
CHARS_A_TOKEN = 4
"""For a prompt that is too long even to be tokenised."""


class WorkerEngine:
    """An `Engine` over a child process that serves one model file.

    `async with` starts the child and returns at once; the model loads beside. Leaving ends it.
    """

    def __init__(
        self, load: Load, *, patience: Patience | None = None, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._patience = patience or Patience()
        self._gate = Gate()
        self._inflight = InFlight(self._gate)
        self._keeper = Keeper(load, self._inflight, self._patience, sleep)
        self._counts = Counts()
        self._outside = Lobby(load.plan.waiting, "for the model to load")

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Start the worker; returns before the model is loaded."""
        self._keeper.start()

    async def close(self) -> None:
        """End the worker; what is in flight fails with `Unavailable`. Several may wait for it, and
        one that stops to wait holds up nothing."""
        await self._keeper.close()

    async def ready(self) -> None:
        """Wait until the model is loaded. Raises `Unavailable` if there will be none."""
        await self._keeper.ready()

    @property
    def pid(self) -> int | None:
        """The worker's process id, while there is one."""
        return self._keeper.pid

    @property
    def is_ready(self) -> bool:
        """Whether the model is loaded."""
        return self._keeper.child is not None

    @property
    def failed(self) -> bool:
        """Whether there will be no model any more."""
        return self._keeper.failed

    async def status(self) -> EngineStatus:
        """The latest the worker said, without asking it, and who waits for a worker."""
        status = self._keeper.status
        waiting = status.waiting + len(self._outside)
        return replace(status, waiting=waiting, restarts=self._keeper.restarts)

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """See `engine.base.Engine.stream`."""
        deadline = Deadline(request.deadline_s)
        inbox = await deadline.bound(self._enter(request, deadline))
        # One timer for the whole answer: one around every wait would cost as much as the wait.
        timer = deadline.call(lambda: inbox.give_up(Unavailable(PASSED)))
        try:
            while True:
                for delta in await inbox.take():
                    yield delta
                    if delta.finish:
                        return
        finally:
            timer.cancel()
            self._leave(inbox)

    async def count(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """See `engine.base.Engine.count`; known messages are not counted again."""
        missing = list(dict.fromkeys(m for m in messages if self._counts.get(m) is None))
        fresh: dict[Message, int] = {}
        if missing:
            reply = await self._ask(partial(frames.count_frame, messages=missing))
            fresh = dict(zip(missing, reply["counts"], strict=True))
            self._counts.put(fresh)
        known = ((message, self._counts.get(message)) for message in messages)
        return tuple(fresh[m] if count is None else count for m, count in known)

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """See `engine.base.Embeds.embed`; for a worker that was loaded for it."""
        vectors: list[tuple[float, ...]] = []
        tokens = 0
        for part in packs([len(text) for text in texts], EMBEDDED_CHARS):
            some = texts[part.start : part.stop]
            reply = await self._ask(partial(frames.embed_frame, texts=some))
            vectors += frames.read_vectors(reply)
            tokens += reply["tokens"]
        return Embeddings(self._keeper.status.model, tuple(vectors), tokens)

    async def prepare(self, session: str, messages: Sequence[Message]) -> None:
        """See `engine.base.Engine.prepare`; what no frame holds, or a worker that reads nothing
        has no room for, is told when it is asked."""
        if child := self._keeper.child:
            with suppress(BadFrame, Overloaded):
                child.send(frames.prepare_frame(session, messages))

    async def forget(self, session: str) -> None:
        """See `engine.base.Engine.forget`; a worker that is not there, or dies
        meanwhile, has kept nothing."""
        self._gate.clear(session)
        if child := self._keeper.child:
            with suppress(Gone):
                await self._ask_once(child, frames.forget_frame(self._inflight.number(), session))

    async def _enter(self, request: Request, deadline: Deadline) -> Inbox:
        """Wait for a worker and a turn, and submit. Raises `Overloaded`, `Unavailable`."""
        with self._outside.place():
            while True:
                await self._keeper.ready()
                await self._gate.enter(request.session)
                try:
                    if child := self._keeper.child:
                        return self._submit(request, child, deadline)
                except EngineError:
                    self._gate.leave()
                    raise
                self._gate.leave()

    def _submit(self, request: Request, child: Child, deadline: Deadline) -> Inbox:
        number = self._inflight.number()
        try:
            left = replace(request, deadline_s=deadline.left_s())
            child.send(frames.submit_frame(number, left))
        except BadFrame as exc:
            chars = sum(len(message.content) for message in request.messages)
            limit = self._keeper.status.context_tokens
            raise ContextTooLong(chars // CHARS_A_TOKEN, limit) from exc
        self._keeper.expect()
        return self._inflight.open(number, request.session)

    def _leave(self, inbox: Inbox) -> None:
        self._inflight.close(inbox)
        child = self._keeper.child
        if not inbox.over and child is not None:
            child.send(frames.cancel_frame(inbox.number))
        if not inbox.interrupted:
            self._gate.clear(inbox.session)
        self._gate.leave()

    async def _ask(self, frame: Callable[[int], Wire]) -> Wire:
        """Ask the worker, a new one if it dies meanwhile. Raises `Unavailable`, `Overloaded`.

        There is no bound on the wait but the worker's silence, for which it is killed.
        """
        for _ in range(WORKERS_ASKED):
            child = await self._worker()
            with suppress(Gone):
                reply = await self._ask_once(child, frame(self._inflight.number()))
                if reply["op"] == "refused":
                    raise error_of(frames.read_refused(reply))
                return reply
        raise Unavailable(f"the model's process died {WORKERS_ASKED} times with this question")

    async def _worker(self) -> Child:
        try:
            async with asyncio.timeout(self._patience.ready_s):
                return await self._keeper.ready()
        except TimeoutError as exc:
            raise Unavailable("the model is not loaded yet") from exc

    async def _ask_once(self, child: Child, frame: Wire) -> Wire:
        self._keeper.expect()
        try:
            return await self._inflight.questions.ask(frame, child.send)
        except BadFrame as exc:
            raise Unavailable(f"too much for the model at once: {exc}") from exc
