"""Notices when nothing was heard for too long, without a timer for each thing heard."""

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self


class Timer(Protocol):
    """What calls later, until it is cancelled."""

    def cancel(self) -> None: ...


class Timers(Protocol):
    """What an event loop has of time."""

    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Timer: ...


class Watch:
    """While the block lasts, `silent` is called whenever nothing was heard for `limit_s` seconds,
    and again after as many more."""

    def __init__(self, silent: Callable[[float], None], limit_s: float, timers: Timers) -> None:
        self._limit_s = limit_s
        self._silent = silent
        self._timers = timers
        self._heard_s = timers.time()
        self._timer: Timer | None = None

    def __enter__(self) -> Self:
        self._wait(self._limit_s)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stop()

    def heard(self) -> None:
        """Something was heard now, or is expected from now on."""
        self._heard_s = self._timers.time()

    def expect_within(self, limit_s: float) -> None:
        """Wait so long from now on."""
        if limit_s != self._limit_s:
            self._limit_s = limit_s
            self._wait(limit_s)

    def _wait(self, seconds: float) -> None:
        self._stop()
        self._timer = self._timers.call_later(seconds, self._look)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        left_s = self._heard_s + self._limit_s - self._timers.time()
        if left_s <= 0:
            self._silent(self._limit_s)
            left_s = self._limit_s
        self._wait(left_s)
