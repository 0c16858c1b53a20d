"""Deliveries → events on disk → confirmed to Slack, in this order and never another.

What the bot can't store is kept here and tried again: Slack delivers an event three times within
six minutes and then drops it. Slack is told only once it is stored; until then it may deliver it
again, and the same events come twice in one batch.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import structlog

from adapters.base import Emit, MessageEvent, Transient
from adapters.capabilities import Link
from adapters.slack.names import Names
from adapters.slack.scene import Scene
from adapters.slack.wire import Envelope, events, opened_thread

log = structlog.get_logger(__name__)

MAX_WAITING = 1_000
"""Deliveries kept while the bot can't store; more are not taken, so Slack keeps them."""
LINGER_S = 0.02
"""What was sent first may come second, over the other socket: so much later at most."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """An envelope, and how to tell Slack that it is on disk."""

    envelope: Envelope
    confirm: Callable[[], Awaitable[None]]


class Intake:
    """The deliveries of all connections, in one line."""

    def __init__(self, scene: Scene, names: Names, emit: Emit, link: Link) -> None:
        self._scene = scene
        self._names = names
        self._emit = emit
        self._link = link
        self._waiting: list[Delivery] = []
        self._arrived = asyncio.Event()

    def put(self, delivery: Delivery) -> bool:
        """Take a delivery, if there is room."""
        if len(self._waiting) >= MAX_WAITING:
            return False
        self._waiting.append(delivery)
        self._arrived.set()
        return True

    async def work(self) -> None:
        """Hand over what comes, as much at once as there is, until cancelled."""
        pause_s = FIRST_PAUSE_S
        while True:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            await asyncio.sleep(LINGER_S)
            batch = list(self._waiting)
            try:
                await self._store(batch)
            except Transient as error:
                log.warning("events wait for storage", count=len(batch), error=str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            pause_s = FIRST_PAUSE_S
            del self._waiting[: len(batch)]
            for delivery in batch:
                await delivery.confirm()

    async def _store(self, batch: list[Delivery]) -> None:
        found = self._read(batch)
        if not self._names.is_complete:
            await self._names.settle()
            found = self._read(batch)
        if found:
            await self._emit(found, None)
            self._link.note_event()

    def _read(self, batch: Iterable[Delivery]) -> list[MessageEvent]:
        """The events by time: of two sockets either may be faster."""
        found: dict[str, MessageEvent] = {}
        for delivery in batch:
            for event in self._of(delivery.envelope):
                found.setdefault(event.event_id, event)
        return sorted(found.values(), key=lambda event: event.sent_at)

    def _of(self, envelope: Envelope) -> list[MessageEvent]:
        thread = opened_thread(envelope)
        if thread:
            self._names.note_thread(*thread)
        found = events(envelope, self._scene)
        self._names.note(found)
        return found
