"""What may go wrong on the way between a bot and any platform's server, and when."""

import socket
import struct
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from aiohttp import web

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset before anything is done."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """It is done, and the connection closes without an answer."""


@dataclass(frozen=True, slots=True)
class Truncated:
    """It is done, and half of the answer arrives."""


@dataclass(frozen=True, slots=True)
class Delayed:
    """It is done after so many seconds."""

    seconds: float


def reset(request: web.Request) -> web.Response:
    """Close the connection as a host does that was unplugged."""
    assert request.transport is not None
    sock: socket.socket = request.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
    return web.Response()


@dataclass(slots=True)
class _Planned(Generic[F]):
    fault: F
    method: str
    place: object
    times: int


@dataclass(slots=True)
class Faults(Generic[F]):
    """The faults to come, each for the next calls of a method, in one place or in any."""

    _planned: list[_Planned[F]] = field(default_factory=list[_Planned[F]])

    def add(self, fault: F, method: str, *, place: object = None, times: int = 1) -> None:
        """Meet the next `times` calls of a method, of a bot's to `place` if given, with a fault."""
        self._planned.append(_Planned(fault, method.lower(), place, times))

    def take(self, method: str, place: object) -> F | None:
        """The fault of this call."""
        for planned in self._planned:
            if planned.method == method.lower() and planned.place in (None, place):
                planned.times -= 1
                if not planned.times:
                    self._planned.remove(planned)
                return planned.fault
        return None

    @property
    def pending(self) -> int:
        """How many faults nobody met yet."""
        return sum(planned.times for planned in self._planned)
