"""The longest a request may take, over all the waits it consists of."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from engine.base import Unavailable

T = TypeVar("T")
PASSED = "the answer's deadline passed"


class Deadline:
    """Starts when it is made; None bounds nothing.

    It stands only around an engine's own waits. A timeout around a generator's `yield` would strike
    while the reader does something else, and cancel that instead.
    """

    def __init__(self, seconds: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._at = None if seconds is None else self._loop.time() + seconds

    def left_s(self) -> float | None:
        """Seconds left, never below 0; None without a bound."""
        return None if self._at is None else max(0.0, self._at - self._loop.time())

    def call(self, action: Callable[[], None]) -> asyncio.TimerHandle:
        """Have something done when it has passed; cancel the handle when it is not needed."""
        handle = self._loop.call_at(self._at or self._loop.time(), action)
        if self._at is None:
            handle.cancel()
        return handle

    async def bound(self, wait: Awaitable[T]) -> T:
        """Wait, but not past the deadline. Raises `Unavailable`."""
        if self.left_s() == 0:
            if isinstance(wait, Coroutine):
                wait.close()
            raise Unavailable(PASSED)
        timeout = asyncio.timeout_at(self._at)
        try:
            async with timeout:
                return await wait
        except TimeoutError as exc:
            if not timeout.expired():
                raise
            raise Unavailable(PASSED) from exc
