"""Answers that are being written, as every tab in the room sees them.

The newest text wins: rendering and sending happen at most twenty times a second for one answer, and
only the top-level blocks that changed go over the wire. One that has nothing to show for a moment
shows that the bot writes.
"""

import asyncio
from collections.abc import Callable

from adapters.markup import Growing
from adapters.web import wire
from adapters.web.store import Room

INTERVAL_S = 0.05


class LivePreview:
    """One growing answer (`adapters.capabilities.Preview`). `ended` is called when it is over."""

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
        self._ended = ended
        self._text = ""
        self._growing = Growing()
        self._waiting: dict[str, object] | None = None
        self._blocks: list[str] = []
        self._is_over = False
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._later: asyncio.TimerHandle | None = self._loop.call_later(INTERVAL_S, self._send)

    async def wait(self, place: int, eta_s: float | None) -> None:
        """Show the place in the line."""
        self._hold()
        self._waiting = {"place": place, "eta_s": eta_s}
        self._tell(self.room, self.current())

    async def show(self, markdown: str) -> None:
        """Show the answer so far."""
        self._text, self._waiting = markdown, None
        if self._is_over:
            return
        now = self._loop.time()
        if now >= self._due:
            self._hold()
            self._send()
        elif self._later is None:
            self._later = self._loop.call_at(self._due, self._send)

    async def close(self) -> None:
        """Take the preview away from every tab, unless its post did."""
        if not self._is_over:
            self._tell(self.room, wire.frame("preview", room=self.room.id, key=self.key, gone=True))
        self.end()

    def end(self) -> None:
        """Show no more: the final post is there."""
        self._is_over = True
        self._hold()
        self._ended()

    def current(self) -> str:
        """The whole preview, for a tab that opens now."""
        if self._waiting:
            return wire.frame("preview", room=self.room.id, key=self.key, wait=self._waiting)
        return self._frame(0, self._blocks)

    def _hold(self) -> None:
        if self._later:
            self._later.cancel()
            self._later = None

    def _send(self) -> None:
        self._later = None
        self._due = self._loop.time() + INTERVAL_S
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
