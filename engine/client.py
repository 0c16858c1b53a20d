"""The asyncio face of a worker: submit, cancel, count, and a new worker when one dies.

A slow reader's deltas are merged here, so nothing waits for it. When the worker dies, requests in
flight fail with `Interrupted` and their sessions are suspects: see `gate`. While a new worker
loads, requests wait, as long as their deadline lets them.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Self

import structlog

from engine import frames
from engine.base import (
    ContextTooLong,
    Delta,
    Embeddings,
    EngineError,
    EngineStatus,
    Interrupted,
    Kept,
    Message,
    Overloaded,
    Request,
    Unavailable,
)
from engine.child import Child
from engine.counts import Counts
from engine.deadline import PASSED, Deadline
from engine.frames import BadFrame, Failure, Load, Report, Wire
from engine.gate import Gate
from engine.inbox import Inbox
from engine.questions import Gone, Questions
from engine.watch import Watch

EMBEDDED_AT_ONCE = 32
"""Texts of one frame: others' come in between."""
CHARS_A_TOKEN = 4
"""For a prompt that is too long even to be tokenised."""
LOG = structlog.stdlib.get_logger("engine")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what may take. A worker that says nothing for `stall_s` while it has work is killed;
    one that dies `load_attempts` times while it loads is not started again."""

    first_pause_s: float = 0.1
    longest_pause_s: float = 30.0
    stall_s: float = 120.0
    load_s: float = 1800.0
    reply_s: float = 60.0
    load_attempts: int = 3


class WorkerEngine:
    """An `Engine` over a child process that serves one model file.

    `async with` starts the child and returns at once; the model loads beside. Leaving ends it.
    """

    def __init__(
        self,
        load: Load,
        *,
        patience: Patience | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._load = load
        self._patience = patience or Patience()
        self._sleep = sleep
        self._gate = Gate()
        self._status = EngineStatus("loading", model=load.name, sha256=load.sha256)
        self._settled = asyncio.Event()
        self._child: Child | None = None
        self._watch: Watch | None = None
        self._inflight: dict[int, Inbox] = {}
        self._questions = Questions()
        self._counts = Counts()
        self._last_number = 0
        self._outside = 0
        self._restarts = 0
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Start the worker; returns before the model is loaded."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name="engine-keeper")

    async def close(self) -> None:
        """End the worker; what is in flight fails with `Unavailable`."""
        self._fail("the engine is closed")
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def ready(self) -> None:
        """Wait until the model is loaded. Raises `Unavailable` if there will be none."""
        await self._settled.wait()
        if self.failed:
            raise Unavailable(self._status.detail)

    @property
    def pid(self) -> int | None:
        """The worker's process id, while there is one."""
        return self._child.pid if self._child else None

    @property
    def failed(self) -> bool:
        """Whether there will be no model any more."""
        return self._status.state == "failed"

    async def status(self) -> EngineStatus:
        """The latest the worker said, without asking it, and who waits for a worker."""
        waiting = self._status.waiting + self._outside
        return replace(self._status, waiting=waiting, restarts=self._restarts)

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
            reply = await self._ask(lambda number: frames.count_frame(number, missing))
            fresh = dict(zip(missing, reply["counts"], strict=True))
            self._counts.put(fresh)
        known = ((message, self._counts.get(message)) for message in messages)
        return tuple(fresh[m] if count is None else count for m, count in known)

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """See `engine.base.Embeds.embed`; for a worker that was loaded for it."""
        vectors: list[tuple[float, ...]] = []
        tokens = 0
        for start in range(0, len(texts), EMBEDDED_AT_ONCE):
            part = texts[start : start + EMBEDDED_AT_ONCE]
            reply = await self._ask(partial(frames.embed_frame, texts=part))
            vectors += frames.read_vectors(reply)
            tokens += reply["tokens"]
        return Embeddings(self._status.model, tuple(vectors), tokens)

    async def prepare(self, session: str, messages: Sequence[Message]) -> None:
        """See `engine.base.Engine.prepare`."""
        if self._status.state == "ready" and self._child is not None:
            self._child.send(frames.prepare_frame(session, messages))

    async def forget(self, session: str) -> None:
        """See `engine.base.Engine.forget`; a worker that is not there has kept nothing."""
        self._gate.clear(session)
        if self._status.state == "ready":
            await self._ask(lambda n: {"op": "forget", "id": n, "session": session})

    async def _enter(self, request: Request, deadline: Deadline) -> Inbox:
        """Wait for a worker and a turn, and submit. Raises `Overloaded`, `Unavailable`."""
        if self._outside >= self._load.plan.waiting:
            raise Overloaded("too many requests wait for the model to load", retry_after_s=5.0)
        self._outside += 1
        try:
            while True:
                await self.ready()
                await self._gate.enter(request.session)
                try:
                    if self._status.state == "ready" and self._child is not None:
                        return self._submit(request, self._child, deadline)
                except EngineError:
                    self._gate.leave()
                    raise
                self._gate.leave()
        finally:
            self._outside -= 1

    def _submit(self, request: Request, child: Child, deadline: Deadline) -> Inbox:
        number = self._number()
        try:
            left = replace(request, deadline_s=deadline.left_s())
            child.send(frames.submit_frame(number, left))
        except BadFrame as exc:
            chars = sum(len(message.content) for message in request.messages)
            raise ContextTooLong(chars // CHARS_A_TOKEN, self._status.context_tokens) from exc
        self._expect()
        inbox = self._inflight[number] = Inbox(number, request.session)
        return inbox

    def _leave(self, inbox: Inbox) -> None:
        self._inflight.pop(inbox.number, None)
        if not inbox.over and self._child is not None:
            self._child.send({"op": "cancel", "id": inbox.number})
        if not inbox.interrupted:
            self._gate.clear(inbox.session)
        self._gate.leave()

    async def _ask(self, frame: Callable[[int], Wire]) -> Wire:
        """Ask the worker, a new one if it dies meanwhile. Raises `Unavailable`."""
        try:
            async with asyncio.timeout(self._patience.reply_s):
                while True:
                    await self.ready()
                    with suppress(Gone):
                        reply = await self._ask_once(frame(self._number()))
                        if reply["op"] == "refused":
                            raise error_of(frames.read_refused(reply))
                        return reply
        except TimeoutError as exc:
            raise Unavailable("the model did not reply in time") from exc

    async def _ask_once(self, frame: Wire) -> Wire:
        child = self._child
        self._expect()
        return await self._questions.ask(frame["id"], lambda: child.send(frame) if child else None)

    def _number(self) -> int:
        self._last_number += 1
        return self._last_number

    async def _keep(self) -> None:
        """Keep a worker running until the model cannot be loaded or the engine is closed."""
        pause_s, deaths = self._patience.first_pause_s, 0
        while True:
            loaded, end = await self._live()
            if self.failed:
                return
            deaths = 0 if loaded else deaths + 1
            if deaths >= self._patience.load_attempts:
                self._fail(f"The model's process ends while it loads {self._load.path} ({end}).")
                return
            LOG.warning("worker ended", how=end, loaded=loaded, pause_s=pause_s)
            await self._sleep(pause_s)
            pause_s = min(pause_s * 2, self._patience.longest_pause_s)
            if loaded:
                self._restarts += 1
                pause_s = self._patience.first_pause_s

    async def _live(self) -> tuple[bool, str]:
        """One worker's life; returns whether it ever was ready, and how it ended."""
        try:
            child = await Child.spawn(self._load)
        except OSError as exc:
            return False, f"it cannot be started: {exc.strerror}"
        self._child = child
        end = "closed"
        try:
            loaded = await self._listen(child)
        finally:
            self._child = None
            self._settled.clear()
            end = await _ended(child)
            self._interrupt(end)
        return loaded, end

    async def _listen(self, child: Child) -> bool:
        """Take frames until the worker is gone; returns whether it was ready."""
        silent, timers = partial(self._fell_silent, child), asyncio.get_running_loop()
        with Watch(silent, self._patience.load_s, timers) as watch:
            self._watch = watch
            while frame := await child.receive():
                watch.heard()
                self._handle(frame)
                if self._status.state == "ready":
                    watch.expect_within(self._patience.stall_s)
        return self._status.state == "ready"

    def _expect(self) -> None:
        """Something is asked: if nothing was before, the silence until now was a rest."""
        if self._watch is not None and not self._has_work:
            self._watch.heard()

    @property
    def _has_work(self) -> bool:
        return bool(self._inflight or self._questions)

    def _fell_silent(self, child: Child, limit_s: float) -> None:
        if self._status.state != "ready" or self._has_work:
            LOG.error("worker says nothing", pid=child.pid, stall_s=limit_s)
            child.kill()

    def _handle(self, frame: Wire) -> None:
        match frame["op"]:
            case "status":
                self._status = frames.read_status(frame)
                self._settled.set()
            case "step":
                self._deliver(frames.read_report(frame))
            case "notice":
                LOG.warning(frame["event"], cause=frame["cause"])
            case _:
                self._questions.answer(frame)

    def _deliver(self, report: Report) -> None:
        for number, text in report.texts.items():
            if inbox := self._inflight.get(number):
                inbox.put(Delta(text))
        for number, waiting in report.waiting.items():
            if inbox := self._inflight.get(number):
                inbox.put(Delta(waiting=waiting))
        for number, (finish, usage) in report.done.items():
            if inbox := self._inflight.pop(number, None):
                inbox.put(Delta(finish=finish, usage=usage))
        for number, failure in report.failed.items():
            if inbox := self._inflight.pop(number, None):
                inbox.fail(error_of(failure))

    def _interrupt(self, end: str) -> None:
        """The worker is gone: tell those who were in flight with it."""
        lost, self._inflight = self._inflight, {}
        for inbox in lost.values():
            self._gate.suspect(inbox.session)
            inbox.interrupted = True
            inbox.fail(Interrupted(f"the model's process ended ({end})", alone=len(lost) == 1))
        self._questions.give_up()
        if self._status.state != "failed":
            self._status = replace(
                self._status, state="loading", detail=end, running=0, waiting=0, kept=Kept()
            )
        else:
            self._settled.set()

    def _fail(self, detail: str) -> None:
        """There will be no model any more; the first reason is the one to tell."""
        if self.failed:
            return
        self._status = replace(
            self._status, state="failed", detail=detail, running=0, waiting=0, kept=Kept()
        )
        lost, self._inflight = self._inflight, {}
        for inbox in lost.values():
            inbox.fail(Unavailable(detail))
        self._settled.set()


async def _ended(child: Child) -> str:
    """See a child end, even when we are cancelled meanwhile: no process is left behind."""
    closing = asyncio.ensure_future(child.close())
    try:
        return await asyncio.shield(closing)
    except asyncio.CancelledError:
        await closing
        raise


def error_of(failure: Failure) -> EngineError:
    """The error a worker's refusal becomes."""
    match failure.kind:
        case "too_long":
            tokens, limit = failure.numbers
            return ContextTooLong(int(tokens), int(limit))
        case "overloaded":
            return Overloaded(failure.text, retry_after_s=failure.numbers[0])
        case "deadline" | "fault":
            return Unavailable(failure.text)
