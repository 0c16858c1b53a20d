"""Threads for what may hang in a dead mount: daemons, which nobody joins at the program's end.

The event loop's own threads are joined then, so a mount that never answers would hold the program
for good. Who stops waiting for such work leaves it behind; it ends with the mount or the process.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")

PREFIX = "parley-"
"""Begins the names of such threads."""
END_S = 1.0
"""How long one that is about to end may take to."""


async def detached(work: Callable[[], T], undo: Callable[[], None] | None = None) -> T:
    """What `work` returns or raises, done in a thread of its own.

    Whoever is cancelled waits no more; the work goes on, and `undo` takes back what comes of it.
    """
    job = _Job(work)
    thread = _begun(job.run)
    try:
        return await job.future
    except asyncio.CancelledError:
        if undo is not None:
            _begun(partial(_take_back, thread, job, undo))
        raise


def left() -> bool:
    """Whether any such thread hangs, once all is closed."""
    ours = [each for each in threading.enumerate() if each.name.startswith(PREFIX)]
    for thread in ours:
        thread.join(END_S)
    return any(thread.is_alive() for thread in ours)


def _begun(work: Callable[[], None]) -> Thread:
    thread = Thread(target=work, name=f"{PREFIX}detached", daemon=True)
    thread.start()
    return thread


def _take_back(thread: Thread, job: "_Job[T]", undo: Callable[[], None]) -> None:
    thread.join()
    if job.is_done:
        undo()


class Threads:
    """Some threads that do what they are given, in turn; they begin with the first of it."""

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = f"{PREFIX}{name}"
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._running: list[Thread] = []

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises, once a thread came to it."""
        job = _Job(work)
        self._queue.put(job)
        if len(self._running) < self._count:
            thread = Thread(target=self._work, name=self._name, daemon=True)
            self._running.append(thread)
            thread.start()
        return await job.future

    def join(self) -> None:
        """Wait until all of it is done, and end the threads."""
        for _ in self._running:
            self._queue.put(None)
        for thread in self._running:
            thread.join()

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            job.run()


class _Work(Protocol):
    def run(self) -> None: ...


class _Job(Generic[T]):
    """Some work, and the future that is told of its end."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self._loop.create_future()
        self.is_done = False
        """Whether it was done, and did not fail."""

    def run(self) -> None:
        try:
            result = self._work()
        except BaseException as error:  # noqa: BLE001  # whatever it is, somebody waits for it
            self._tell(partial(self._fail, error))
        else:
            self.is_done = True
            self._tell(partial(self._succeed, result))

    def _tell(self, tell: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(tell)

    def _succeed(self, result: T) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def _fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)
