"""What is on its way to the bot: in order, until it is acknowledged, with Slack's patience.

An event that is not acknowledged within three seconds comes again: over Socket Mode after those,
over HTTP at once, after one minute and after five. Commands and buttons come once.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Sort = Literal["events_api", "slash_commands", "interactive"]

ACK_S = 3.0


@dataclass(slots=True)
class Delivery:
    """One thing that happened. `acknowledged_s` counts from the last attempt, `sent_at` of it."""

    number: int
    sort: Sort
    payload: dict[str, Any]
    attempts: int = 0
    sent_at: float = 0.0
    acknowledged_s: float | None = None
    failed: bool = False
    expired: bool = False
    reason: str = ""


@dataclass(slots=True)
class Deliveries:
    """All deliveries, those that wait by number. While `held`, none leaves."""

    all: list[Delivery] = field(default_factory=list[Delivery])
    waiting: dict[int, Delivery] = field(default_factory=dict[int, Delivery])
    held: bool = False
    ack_s: float = ACK_S
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _backwards: bool = False
    _repeats: int = 0

    def add(self, sort: Sort, payload: dict[str, Any]) -> None:
        """Something happened."""
        copies = 1
        if self._repeats:
            self._repeats -= 1
            copies = 2
        for _ in range(copies):
            delivery = Delivery(len(self.all), sort, payload)
            self.all.append(delivery)
            self.waiting[delivery.number] = delivery
        self._changed.set()

    def repeat(self, times: int) -> None:
        """Let the next things that happen be delivered twice."""
        self._repeats = times

    def hold(self) -> None:
        """Let nothing leave until `release`."""
        self.held = True

    def release(self, *, backwards: bool = False) -> None:
        """Let it go, the newest first if `backwards`."""
        self.held, self._backwards = False, backwards
        self._changed.set()

    async def next(self, is_ready: Callable[[], bool]) -> Delivery:
        """The next to send, once there is one and a way to send it."""
        while self.held or not self.waiting or not is_ready():
            self._changed.clear()
            await self._changed.wait()
        numbers = sorted(self.waiting, reverse=self._backwards)
        return self.waiting.pop(numbers[0])

    def again(self, delivery: Delivery, reason: str) -> None:
        """It was not acknowledged; commands and buttons are given up."""
        delivery.reason, delivery.expired = reason, True
        if delivery.sort == "events_api":
            self.waiting[delivery.number] = delivery
            self._changed.set()
        else:
            delivery.failed = True

    def start(self, delivery: Delivery) -> None:
        """An attempt begins."""
        delivery.attempts += 1
        delivery.expired = False
        delivery.sent_at = asyncio.get_running_loop().time()

    def acknowledge(self, delivery: Delivery) -> None:
        """The bot has it; what was late is late."""
        elapsed = asyncio.get_running_loop().time() - delivery.sent_at
        if delivery.acknowledged_s is None:
            delivery.acknowledged_s = elapsed
        self.waiting.pop(delivery.number, None)

    def nudge(self) -> None:
        """There may be a way to send now."""
        self._changed.set()

    @property
    def unacknowledged(self) -> list[Delivery]:
        """What the bot does not have."""
        return [each for each in self.all if each.acknowledged_s is None and not each.failed]
