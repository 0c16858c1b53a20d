"""The same faults on every platform's server, each in that server's own way."""

import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote

from tests.fakes import faults
from tests.fakes.slack import faults as slack
from tests.fakes.telegram import faults as telegram
from tests.rigs.proxy import Line, line_to
from tests.rigs.synapse import permissive, strict
from tests.venues.base import Place, Venue
from tests.venues.matrix import MatrixVenue
from tests.venues.slack import SlackVenue
from tests.venues.telegram import TelegramVenue


class Trouble(Protocol):
    """What may go wrong between a bot and its platform."""

    @property
    def venue(self) -> Venue: ...

    def settings(self) -> dict[str, dict[str, Any]]:
        """The venue's settings, by way of the trouble."""
        ...

    def lose_responses(self, place: Place) -> None:
        """Carry out the next two calls that write in a place, and say nothing."""
        ...

    @property
    def unmet(self) -> int:
        """Faults that nothing met yet."""
        ...

    def refuse_in(self, place: Place, seconds: int) -> None:
        """Ask for so many seconds of patience at the next call that writes in a place."""
        ...

    def keep_pace(self) -> None:
        """Refuse whatever comes faster than the platform allows, where that is not so already."""
        ...

    @property
    def refused(self) -> int:
        """How often it was too fast."""
        ...


@dataclass(slots=True)
class TelegramTrouble:
    """Faults of our own Bot API server."""

    venue: TelegramVenue

    def settings(self) -> dict[str, dict[str, Any]]:
        return self.venue.settings()

    def lose_responses(self, place: Place) -> None:
        chat, planned = int(place.id), self.venue.server.faults
        planned.add(telegram.Dropped(), "sendMessage", place=chat)
        planned.add(telegram.Dropped(), "editMessageText", place=chat)

    @property
    def unmet(self) -> int:
        return self.venue.server.faults.pending

    def refuse_in(self, place: Place, seconds: int) -> None:
        fault = telegram.Patience(seconds)
        self.venue.server.faults.add(fault, "sendMessage", place=int(place.id))

    def keep_pace(self) -> None:
        self.venue.server.flood.is_on = True

    @property
    def refused(self) -> int:
        return self.venue.server.flood.refused


WRITES = frozenset(
    {"chat.postMessage", "chat.update", "chat.startStream", "chat.appendStream", "chat.stopStream"}
)


@dataclass(slots=True)
class WrittenFaults(faults.Faults[slack.Fault]):
    """Faults of whatever writes in a channel. Patience is asked for until the end: an adapter may
    try another method when one is over its tier."""

    lost: Counter[str] = field(default_factory=Counter[str])
    patience: dict[str, int] = field(default_factory=dict[str, int])
    met: set[str] = field(default_factory=set[str])

    def take(self, method: str, place: object) -> slack.Fault | None:
        channel = str(place)
        if method not in WRITES:
            return faults.Faults[slack.Fault].take(self, method, place)
        if self.lost[channel] > 0:
            self.lost[channel] -= 1
            return slack.Dropped()
        if channel not in self.patience:
            return None
        self.met.add(channel)
        return slack.Patience(str(self.patience[channel]))


@dataclass(slots=True)
class SlackTrouble:
    """Faults of our own Slack."""

    venue: SlackVenue
    faults: WrittenFaults = field(default_factory=WrittenFaults)

    def __post_init__(self) -> None:
        self.venue.server.faults = self.faults
        self.venue.server.tiers.is_on = False

    def settings(self) -> dict[str, dict[str, Any]]:
        return self.venue.settings()

    def lose_responses(self, place: Place) -> None:
        self.faults.lost[place.id] += 2

    @property
    def unmet(self) -> int:
        return self.faults.lost.total() + len(self.faults.patience.keys() - self.faults.met)

    def refuse_in(self, place: Place, seconds: int) -> None:
        self.faults.patience[place.id] = seconds

    def keep_pace(self) -> None:
        self.venue.server.tiers.is_on = True

    @property
    def refused(self) -> int:
        return self.venue.server.tiers.refused


_SEND = re.compile(r"PUT /_matrix/client/[^/]+/rooms/([^/]+)/send/")


@dataclass(slots=True)
class MatrixTrouble:
    """Faults on the line to a real Synapse, for the bot's own events."""

    venue: MatrixVenue
    line: Line
    lost: Counter[str] = field(default_factory=Counter[str])
    patience: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        self.line.loses = self._loses
        self.line.refuses = lambda call: self.patience.pop(_room(call), 0)

    def settings(self) -> dict[str, dict[str, Any]]:
        sections = self.venue.settings()
        return {"matrix": sections["matrix"] | {"homeserver": self.line.url}}

    def lose_responses(self, place: Place) -> None:
        self.lost[place.id] += 2

    @property
    def unmet(self) -> int:
        return self.lost.total() + len(self.patience)

    def refuse_in(self, place: Place, seconds: int) -> None:
        self.patience[place.id] = seconds

    def keep_pace(self) -> None:
        """The strict Synapse keeps it."""

    @property
    def refused(self) -> int:
        return self.line.too_fast

    def _loses(self, call: str) -> bool:
        room = _room(call)
        if self.lost[room] <= 0:
            return False
        self.lost[room] -= 1
        return True


def _room(call: str) -> str:
    """The room that a call sends into, empty for other calls."""
    found = _SEND.match(call)
    return unquote(found[1]) if found else ""


@asynccontextmanager
async def telegram_trouble() -> AsyncGenerator[Trouble]:
    async with TelegramVenue() as venue:
        yield TelegramTrouble(venue)


@asynccontextmanager
async def slack_trouble() -> AsyncGenerator[Trouble]:
    async with SlackVenue() as venue:
        yield SlackTrouble(venue)


@asynccontextmanager
async def matrix_trouble() -> AsyncGenerator[Trouble]:
    async with MatrixVenue() as venue, line_to(permissive().url) as line:
        yield MatrixTrouble(venue, line)


@asynccontextmanager
async def strict_matrix() -> AsyncGenerator[Trouble]:
    async with MatrixVenue(strict=True) as venue, line_to(strict().url) as line:
        yield MatrixTrouble(venue, line)


Troubles = Callable[[], Any]

TROUBLES: dict[str, Troubles] = {
    "telegram": telegram_trouble,
    "slack": slack_trouble,
    "matrix": matrix_trouble,
}
PACED: dict[str, Troubles] = TROUBLES | {"matrix": strict_matrix}
"""The same, where the platform's own pace holds."""
