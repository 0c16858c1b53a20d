"""Answers that are being written, as every tab in the room sees them.

The newest text wins: rendering and sending happen at most twenty times a second for one answer, and
only the top-level blocks that changed go over the wire.
"""

import asyncio
from collections.abc import Callable

from adapters.markup import Growing
from adapters.web import wire
from adapters.web.store import Room

INTERVAL_S = 0.05


class LivePreview:
    """One growing answer (`adapters.base.Preview`)."""

    def __init__(
        self,
        room: Room,
        key: str,
        tell: Callable[[Room, str], None],
        ended: Callable[[], None],
    ) -> None:
        self.room = room
        self.key = key
        self._tell = tell
        self._text = ""
        self._growing = Growing()
        self._waiting: dict[str, object] | None = None
        self._blocks: list[str] = []
        self._later: asyncio.TimerHandle | None = None
        self._sent_at = 0.0
        self._is_over = False
        self._ended = ended

    async def wait(self, place: int, eta_s: float | None) -> None:
        """Show the place in the line."""
        self._waiting = {"place": place, "eta_s": eta_s}
        self._tell(self.room, self.current())

    async def show(self, markdown: str) -> None:
        """Show the answer so far."""
        self._text, self._waiting = markdown, None
        if self._later or self._is_over:
            return
        loop = asyncio.get_running_loop()
        wait_s = self._sent_at + INTERVAL_S - loop.time()
        if wait_s <= 0:
            self._send()
        else:
            self._later = loop.call_later(wait_s, self._send)

    async def close(self) -> None:
        """Take the preview away from every tab."""
        self.end()
        self._tell(self.room, wire.frame("preview", room=self.room.id, key=self.key, gone=True))

    def end(self) -> None:
        """Show no more: the final post is there."""
        self._is_over = True
        if self._later:
            self._later.cancel()
        self._ended()

    def current(self) -> str:
        """The whole preview, for a tab that opens now."""
        if self._waiting:
            return wire.frame("preview", room=self.room.id, key=self.key, wait=self._waiting)
        return self._frame(0, self._blocks)

    def _send(self) -> None:
        self._later = None
        self._sent_at = asyncio.get_running_loop().time()
        blocks = self._growing.blocks(self._text)
        same = 0
        for before, after in zip(self._blocks, blocks, strict=False):
            if before != after:
                break
            same += 1
        self._blocks = blocks
        self._tell(self.room, self._frame(same, blocks[same:]))

    def _frame(self, first: int, blocks: list[str]) -> str:
        fields = {"room": self.room.id, "key": self.key, "from": first, "blocks": blocks}
        return wire.frame("preview", **fields)
