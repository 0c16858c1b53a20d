"""Silence is what lasts too long with something expected."""

import heapq
from collections.abc import Callable

from engine.watch import Timer, Watch


class Ticket:
    """A call that may be cancelled."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Hours:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._due: list[tuple[float, int, Ticket]] = []

    def time(self) -> float:
        return self._now_s

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Timer:
        ticket = Ticket(callback)
        heapq.heappush(self._due, (self._now_s + delay, len(self._due), ticket))
        return ticket

    def until(self, now_s: float) -> None:
        while self._due and self._due[0][0] <= now_s:
            self._now_s, _, ticket = heapq.heappop(self._due)
            if not ticket.is_cancelled:
                ticket.call()
        self._now_s = now_s


def watched(limit_s: float = 100.0) -> tuple[Hours, Watch, list[float]]:
    hours, silences = Hours(), list[float]()

    def silent(_limit_s: float) -> None:
        silences.append(hours.time())

    return hours, Watch(silent, limit_s, hours), silences


def test_silence_is_told_and_told_again():
    hours, watch, silences = watched()
    with watch:
        hours.until(250)
    assert silences == [100, 200]


def test_what_is_heard_puts_it_off():
    hours, watch, silences = watched()
    with watch:
        hours.until(99)
        watch.heard()
        hours.until(198)
        assert silences == []
        hours.until(200)
    assert silences == [199]


def test_what_is_asked_after_a_long_rest_has_the_whole_time():
    hours, watch, silences = watched()
    with watch:
        hours.until(1999)
        silences.clear()
        watch.heard()
        hours.until(2098)
        assert silences == []


def test_another_limit_counts_from_now():
    hours, watch, silences = watched(limit_s=1000.0)
    with watch:
        hours.until(10)
        watch.heard()
        watch.expect_within(100)
        hours.until(109)
        assert silences == []
        hours.until(110)
    assert silences == [110]


def test_nothing_is_told_after_the_block():
    hours, watch, silences = watched()
    with watch:
        hours.until(50)
    hours.until(5000)
    assert silences == []
