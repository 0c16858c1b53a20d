"""Keeps a worker running: starts it, watches it, starts a new one when it dies, or gives up.

What the worker is asked, and what its death means for that, is left to the `Work` behind it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol

import structlog

from engine import frames
from engine.base import EngineStatus, Kept, Unavailable
from engine.child import Child
from engine.frames import Load, Wire
from engine.watch import Watch

LOG = structlog.stdlib.get_logger("engine")
Sleep = Callable[[float], Awaitable[None]]
Spawn = Callable[[Load], Awaitable[Child]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what may take. A worker that says nothing for `stall_s` while it has work is killed;
    one that dies `load_attempts` times while it loads is not started again. A question waits
    `ready_s` for a worker that has its model loaded."""

    first_pause_s: float = 0.1
    longest_pause_s: float = 30.0
    stall_s: float = 120.0
    load_s: float = 1800.0
    ready_s: float = 60.0
    load_attempts: int = 3


class Work(Protocol):
    """What the workers are asked; true while an answer is awaited."""

    def __bool__(self) -> bool: ...

    def take(self, frame: Wire) -> None:
        """A worker answered."""
        ...

    def interrupt(self, end: str) -> None:
        """A worker is gone, in the way that `end` says."""
        ...

    def fail(self, detail: str) -> None:
        """There will be no worker any more."""
        ...


class Keeper:
    """One worker after the other, for one model file."""

    def __init__(
        self,
        load: Load,
        work: Work,
        patience: Patience,
        sleep: Sleep,
        spawn: Spawn = Child.spawn,
    ) -> None:
        self._load = load
        self._work = work
        self._patience = patience
        self._sleep = sleep
        self._spawn = spawn
        self._settled = asyncio.Event()
        self._child: Child | None = None
        self._watch: Watch | None = None
        self._task: asyncio.Task[None] | None = None
        self._restarts = 0
        self.status = EngineStatus("loading", model=load.name, sha256=load.sha256)
        """The latest that a worker said, and what became of it."""

    @property
    def pid(self) -> int | None:
        """The worker's process id, while there is one."""
        return self._child.pid if self._child else None

    @property
    def child(self) -> Child | None:
        """The worker, if its model is loaded."""
        return self._child if self.status.state == "ready" else None

    @property
    def failed(self) -> bool:
        """Whether there will be no worker any more."""
        return self.status.state == "failed"

    @property
    def restarts(self) -> int:
        """How often a worker that had been ready was replaced."""
        return self._restarts

    def start(self) -> None:
        """Start a worker, once; returns before it is there."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep(), name="engine-keeper")

    async def close(self) -> None:
        """End the worker. Several may wait for it, and one that stops to wait holds up nothing."""
        if self._child is not None and self.status.state == "loading":
            self._child.kill()  # it hears nothing until it has loaded, and has nothing to finish
        self._fail("the engine is closed")
        if self._task is not None:
            if not self._task.cancelling():
                self._task.cancel()
            await asyncio.gather(asyncio.shield(self._task), return_exceptions=True)

    async def ready(self) -> Child:
        """Wait for a worker with its model loaded, for the next one if that died meanwhile.

        Raises `Unavailable` if there will be none.
        """
        while True:
            await self._settled.wait()
            if self.failed:
                raise Unavailable(self.status.detail)
            if child := self.child:
                return child

    def expect(self) -> None:
        """Something will be asked: if nothing was before, the silence until now was a rest."""
        if self._watch is not None and not self._work:
            self._watch.heard()

    async def _keep(self) -> None:
        """Keep a worker running until the model cannot be loaded or the engine is closed."""
        pause_s, deaths = self._patience.first_pause_s, 0
        while True:
            loaded, end = await self._live()
            if self.failed:
                return
            deaths = 0 if loaded else deaths + 1
            self._load = replace(self._load, died=self._load.died or not loaded)
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
            child = await self._spawn(self._load)
        except OSError as exc:
            return False, f"it cannot be started: {exc.strerror}"
        self._child = child
        end = "closed"
        try:
            loaded = await self._listen(child)
        finally:
            self._child = None
            self._settled.clear()
            try:
                end = await _ended(child)
            finally:
                self._mourn(end)
        return loaded, end

    async def _listen(self, child: Child) -> bool:
        """Take frames until the worker is gone; returns whether it was ready."""
        silent, timers = partial(self._fell_silent, child), asyncio.get_running_loop()
        with Watch(silent, self._patience.load_s, timers) as watch:
            self._watch = watch
            while (frame := await child.receive()) and self._takes(frame):
                watch.heard()
                if self.status.state == "ready":
                    watch.expect_within(self._patience.stall_s)
        return self.status.state == "ready"

    def _fell_silent(self, child: Child, limit_s: float) -> None:
        if self.status.state != "ready" or self._work:
            LOG.error("worker says nothing", pid=child.pid, stall_s=limit_s)
            child.kill()

    def _takes(self, frame: Wire) -> bool:
        """False for a frame that makes no sense: its worker has gone wrong."""
        try:
            self._handle(frame)
        except (KeyError, TypeError, ValueError) as error:
            what = type(error).__name__  # what is in a frame is what people say
            LOG.error("worker makes no sense", op=frame["op"], error=what)
            return False
        return True

    def _handle(self, frame: Wire) -> None:
        match frame["op"]:
            case "status":
                self.status = frames.read_status(frame)
                if self.status.state != "loading":
                    self._settled.set()
            case "notice":
                LOG.warning(frame["event"], cause=frame["cause"])
            case _:
                self._work.take(frame)

    def _mourn(self, end: str) -> None:
        """The worker is gone."""
        self._work.interrupt(end)
        if self.failed:
            self._settled.set()
        else:
            self._turn("loading", end)

    def _fail(self, detail: str) -> None:
        """There will be no worker any more; the first reason is the one to tell."""
        if self.failed:
            return
        self._turn("failed", detail)
        self._work.fail(detail)
        self._settled.set()

    def _turn(self, state: Literal["loading", "failed"], detail: str) -> None:
        self.status = replace(
            self.status, state=state, detail=detail, running=0, waiting=0, kept=Kept()
        )


async def _ended(child: Child) -> str:
    """See a child end, even when we are cancelled meanwhile: no process is left behind."""
    closing = asyncio.ensure_future(child.close())
    try:
        return await asyncio.shield(closing)
    except asyncio.CancelledError:
        await closing
        raise
