"""Open browsers: who is connected, and frames to all who may see a room.

A browser that reads too slowly is given up; it comes back and asks for what it missed.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from adapters.web.store import Member, Room

QUEUE_FRAMES = 512
TOO_SLOW = 4008
CLOSING_S = 1.0


class Connection:
    """One tab. What is pushed before it begins waits until it has."""

    def __init__(self, socket: WebSocket, member: Member) -> None:
        self.member = member
        self._socket = socket
        self._frames: asyncio.Queue[str] = asyncio.Queue(QUEUE_FRAMES)
        self._early: list[str] | None = []
        self._overrun = asyncio.Event()

    def begin(self, frames: Iterable[str]) -> None:
        """Send these frames first, then what was pushed meanwhile."""
        early, self._early = self._early or [], None
        for frame in (*frames, *early):
            self.push(frame)

    def push(self, frame: str) -> None:
        """Send a frame when the tab reads; one that does not read is given up."""
        if self._early is None and not self._frames.full():
            self._frames.put_nowait(frame)
        elif self._early is not None and len(self._early) < QUEUE_FRAMES:
            self._early.append(frame)
        else:
            self._overrun.set()

    async def write(self) -> None:
        """Send what is pushed, until the tab is gone."""
        with suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await self._socket.send_text(await self._frames.get())

    async def overrun(self) -> None:
        """Return when more was pushed than the tab reads, and tell it if it listens at all."""
        await self._overrun.wait()
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(CLOSING_S):
                await self._socket.close(TOO_SLOW, "too slow")


class Hub:
    """All tabs, by person."""

    def __init__(self) -> None:
        self._connections: defaultdict[str, set[Connection]] = defaultdict(set)

    def add(self, connection: Connection) -> bool:
        """A tab opens; true if it is its person's first."""
        tabs = self._connections[connection.member.id]
        tabs.add(connection)
        return len(tabs) == 1

    def remove(self, connection: Connection) -> bool:
        """A tab closes; true if it was its person's last."""
        tabs = self._connections[connection.member.id]
        tabs.discard(connection)
        if not tabs:
            del self._connections[connection.member.id]
        return not tabs

    def is_online(self, member_id: str) -> bool:
        """Whether a tab of the person's is open."""
        return member_id in self._connections

    def tell_room(self, room: Room, frame: str) -> None:
        """A frame to everybody who sees the room."""
        if not room.owner:
            return self.tell_all(frame)
        for connection in self._connections.get(room.owner, ()):
            connection.push(frame)
        return None

    def tell_all(self, frame: str) -> None:
        """A frame to every tab."""
        for tabs in self._connections.values():
            for connection in tabs:
                connection.push(frame)
