"""Receiving: the long poll, gaps filled, keys taken in, one `emit` for each batch.

The cursor (`place`) is kept by whoever keeps the events; a batch that can't be stored is offered
again before anything newer is asked for. What is late by our own fault (keys for people's new
devices) is done after the batch is safe.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import structlog

from adapters.base import (
    AdapterError,
    AuthFailed,
    Cursor,
    Emit,
    MessageEvent,
    RateLimited,
    Rejected,
    Transient,
)
from adapters.matrix import wire
from adapters.matrix.http import Homeserver
from adapters.matrix.inbound import Inbound
from adapters.matrix.machine import Machine
from adapters.matrix.place import Place
from adapters.matrix.place import parse as place_of
from adapters.matrix.room import Room
from adapters.matrix.rooms import Rooms
from adapters.matrix.wire import Context, Raw
from adapters.matrix.words import Me

log = structlog.get_logger(__name__)

POLL_S = 30
POLL_GRACE_S = 15
"""A poll that is silent for so much longer is dead."""
STORE_PAUSE_S = 1.0
CURSOR_EVERY_S = 30.0
"""An empty batch's cursor is kept at most so often: an older one costs but a longer sync."""
PAGE = 100
MAX_PAGES = 50
"""At most 5,000 messages of a gap are read; older ones are left behind."""
FILTER = json.dumps(
    {
        "presence": {"not_types": ["*"]},
        "account_data": {"not_types": ["*"]},
        "room": {
            "timeline": {"limit": 50},
            "state": {"lazy_load_members": True},
            "ephemeral": {"not_types": ["*"]},
            "account_data": {"not_types": ["*"]},
        },
    },
    separators=(",", ":"),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a batch is read with."""

    server: Homeserver
    machine: Machine
    rooms: Rooms
    inbound: Inbound


class Sync:
    """One run's stream of batches.

    `answered` is told of each answer of the server, and whether anything came with it.
    """

    def __init__(
        self, reading: Reading, me: Me, account: str, answered: Callable[[bool], None]
    ) -> None:
        self._server = reading.server
        self._machine = reading.machine
        self._rooms = reading.rooms
        self._inbound = reading.inbound
        self._me = me
        self._account = account
        self._answered = answered
        self._kept_at = 0.0

    async def run(self, emit: Emit, cursor: Cursor | None) -> None:
        """Receive until cancelled. Raises `AuthFailed`, `Transient` and `Ambiguous`."""
        place = place_of(cursor) if cursor else None
        self._inbound.expect(place.waiting if place else ())
        since, timeout_s = place and place.since, 0
        while True:
            try:
                batch = await self._poll(since, timeout_s)
                events = await self._read(batch, since, is_first=timeout_s == 0)
            except RateLimited as error:
                await asyncio.sleep(error.retry_after_s)
                continue
            self._answered(bool(events))
            place = Place(str(batch["next_batch"]), self._inbound.waiting)
            if events or since is None or self._is_due(since, place.since):
                await _offer(emit, events, place.cursor())
            since, timeout_s = place.since, POLL_S
            await self._upkeep()

    async def _poll(self, since: str | None, timeout_s: int) -> dict[str, Any]:
        query: dict[str, str | int] = {"filter": FILTER, "timeout": timeout_s * 1000}
        if since is not None:
            query["since"] = since
        path = ("v3", "sync")
        patience_s = timeout_s + POLL_GRACE_S if since else 4 * POLL_S
        return await self._server.call("GET", path, query=query, timeout_s=patience_s)

    async def _read(
        self, batch: Mapping[str, Any], since: str | None, *, is_first: bool
    ) -> list[MessageEvent]:
        """All that a batch says, and what can be read since keys came."""
        keys_came = self._machine.receive(batch)
        events = await self._arrived(batch, since)
        # Last, for an error before would lose them; they are older than the batch.
        return [*await self._inbound.read_waiting(), *events] if keys_came or is_first else events

    async def _arrived(self, batch: Mapping[str, Any], since: str | None) -> list[MessageEvent]:
        """What a batch says; of what was before the very first start, only invitations."""
        rooms = cast("dict[str, Any]", batch.get("rooms", {}))
        events: list[MessageEvent] = []
        for room_id, invited in rooms.get("invite", {}).items():
            events += self._invitation(room_id, invited.get("invite_state", {}).get("events", []))
        if since is None:
            return events
        for room_id, joined in rooms.get("join", {}).items():
            events += await self._joined(room_id, joined, since)
        for room_id, left in rooms.get("leave", {}).items():
            events += await self._left(room_id, left)
        return events

    def _invitation(self, room_id: str, state: list[Raw]) -> list[MessageEvent]:
        room = Room(room_id)
        for event in state:
            room.apply(event)
        event = wire.invite(room_id, state, Context(self._account, self._me, room))
        return [event] if event else []

    async def _joined(
        self, room_id: str, joined: Mapping[str, Any], since: str
    ) -> list[MessageEvent]:
        timeline = joined.get("timeline", {})
        events: list[Raw] = timeline.get("events", [])
        entered = _since_invited(events, self._me.user_id)
        if timeline.get("limited"):
            self._rooms.forget(room_id)
            self._machine.forget_key(room_id)
            if entered is None:
                events = [*await self._gap(room_id, timeline.get("prev_batch"), since), *events]
        self._take_state(room_id, [*joined.get("state", {}).get("events", []), *events])
        return await self._inbound.read(room_id, events if entered is None else entered)

    async def _left(self, room_id: str, left: Mapping[str, Any]) -> list[MessageEvent]:
        """Of a room that the bot is not in any more, that it is not."""
        events: list[Raw] = left.get("timeline", {}).get("events", [])
        own = [event for event in events if _is_member(event, self._me.user_id)]
        read = await self._inbound.read(room_id, own)
        self._rooms.forget(room_id)
        self._machine.forget_key(room_id)
        return read

    def _take_state(self, room_id: str, events: list[Raw]) -> None:
        if self._rooms.apply(room_id, [event for event in events if "state_key" in event]):
            self._machine.forget_key(room_id)

    async def _gap(self, room_id: str, start: str | None, since: str) -> list[Raw]:
        """The events between `since` and a shortened timeline, oldest first."""
        events: list[Raw] = []
        for _ in range(MAX_PAGES):
            if not start:
                break
            page = await self._page(room_id, start, since)
            events += page.get("chunk", [])
            start = page.get("end") if page.get("chunk") else None
        else:
            log.warning("a gap is too long to be read whole", room=room_id, read=len(events))
        return events[::-1]

    async def _page(self, room_id: str, start: str, since: str) -> dict[str, Any]:
        query: dict[str, str | int] = {"dir": "b", "from": start, "to": since, "limit": PAGE}
        try:
            return await self._server.get("v3", "rooms", room_id, "messages", query=query)
        except Rejected:
            return {}

    async def _upkeep(self) -> None:
        """Keys that are due; what fails is due again after the next batch."""
        try:
            await self._machine.upkeep()
        except AuthFailed:
            raise
        except AdapterError as error:
            log.warning("keys wait for the server", why=str(error))

    def _is_due(self, since: str, cursor: str) -> bool:
        now = asyncio.get_running_loop().time()
        if cursor == since or now - self._kept_at < CURSOR_EVERY_S:
            return False
        self._kept_at = now
        return True


async def _offer(emit: Emit, events: list[MessageEvent], cursor: Cursor) -> None:
    """Hand over a batch, again until it is stored."""
    while True:
        try:
            return await emit(events, cursor)
        except Transient as error:
            log.warning("a batch waits for storage", why=str(error))
            await asyncio.sleep(STORE_PAUSE_S)


def _since_invited(events: list[Raw], user_id: str) -> list[Raw] | None:
    """The timeline of a room that was just entered, from the invitation on; None for another one.

    A direct chat's first message is often written before the bot came.
    """
    for index, event in enumerate(events):
        before = event.get("unsigned", {}).get("prev_content", {}).get("membership")
        now = event.get("content", {}).get("membership")
        if _is_member(event, user_id) and now in ("invite", "join") and before != "join":
            return events[index:]
    return None


def _is_member(event: Raw, user_id: str) -> bool:
    return event.get("type") == "m.room.member" and event.get("state_key") == user_id
