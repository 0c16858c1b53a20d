"""Updates on their way to the bot: kept until confirmed, by a later offset or by its webhook."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any

DEFAULT = frozenset({"message", "edited_message", "callback_query", "my_chat_member"})
"""What a bot gets that asked for nothing: reactions and others' memberships are not among it."""
FUTURE = 10
"""An offset so far above the newest update counts as none (tdlib, `TQueue::get`)."""
LONGEST_POLL_S = 50.0


class Conflict(Exception):
    """Another call takes the updates."""


class Queue:
    """The updates of one bot. `next_id` may be set, as a quiet week does; `polls` came so far."""

    def __init__(self) -> None:
        self.next_id = 700_000_001
        self.wanted: frozenset[str] = DEFAULT
        self.waiting: deque[dict[str, Any]] = deque()
        self.confirmed: list[int] = []
        self.polls = 0
        self._changed = asyncio.Event()

    def put(self, kind: str, content: dict[str, Any]) -> int | None:
        """Something happened; its number, or None if the bot did not ask for such."""
        if kind not in self.wanted:
            return None
        return self.put_raw({kind: content})

    def put_raw(self, content: dict[str, Any]) -> int:
        """An update of any form."""
        number = self.next_id
        self.next_id += 1
        self.waiting.append({"update_id": number, **content})
        self._changed.set()
        return number

    def duplicate(self) -> None:
        """Deliver the newest update that waits twice."""
        self.waiting.append(self.waiting[-1])

    async def poll(self, offset: int, limit: int, timeout_s: float) -> list[dict[str, Any]]:
        """Confirm what is below the offset; the next ones, when there are some.

        A newer poll ends this one: raises `Conflict`.
        """
        self.polls += 1
        poll = self.polls
        self._changed.set()
        self._confirm(offset)
        with suppress(TimeoutError):
            async with asyncio.timeout(min(timeout_s, LONGEST_POLL_S)):
                while not self.waiting and self.polls == poll:
                    self._changed.clear()
                    await self._changed.wait()
        if self.polls != poll:
            raise Conflict
        return list(self.waiting)[: max(1, min(limit, 100))]

    def end_polls(self) -> None:
        """A webhook takes over."""
        self.polls += 1
        self._changed.set()

    async def first(self) -> dict[str, Any]:
        """The oldest update, when there is one."""
        while not self.waiting:
            self._changed.clear()
            await self._changed.wait()
        return self.waiting[0]

    def confirm_first(self) -> None:
        """The webhook took the oldest update."""
        self.confirmed.append(self.waiting.popleft()["update_id"])

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            while len(self.waiting) > -offset:
                self.confirm_first()
        if offset > self.next_id - 1 + FUTURE:
            return
        while offset > 0 and self.waiting and self.waiting[0]["update_id"] < offset:
            self.confirm_first()
