"""The same faults on every platform's server, each in that server's own way."""

from typing import Protocol

from tests.fakes.telegram.faults import Dropped, Patience
from tests.venues.base import Place, Venue
from tests.venues.telegram import TelegramVenue


class Trouble(Protocol):
    """What may go wrong between a bot and its platform."""

    def lose_responses(self, place: Place) -> None:
        """Carry out the next send and the next edit in a place, and say nothing."""
        ...

    @property
    def unmet(self) -> int:
        """Faults that nothing met yet."""
        ...

    def refuse_in(self, place: Place, seconds: int) -> None:
        """Ask for so many seconds of patience at the next send into a place."""
        ...

    def keep_pace(self) -> None:
        """Refuse whatever comes faster than the platform allows."""
        ...

    @property
    def refused(self) -> int:
        """How often it was too fast."""
        ...


class TelegramTrouble:
    """Faults of our own Bot API server."""

    def __init__(self, venue: TelegramVenue) -> None:
        self._server = venue.server

    def lose_responses(self, place: Place) -> None:
        self._server.faults.add(Dropped(), "sendMessage", chat=int(place.id))
        self._server.faults.add(Dropped(), "editMessageText", chat=int(place.id))

    @property
    def unmet(self) -> int:
        return self._server.faults.pending

    def refuse_in(self, place: Place, seconds: int) -> None:
        self._server.faults.add(Patience(seconds), "sendMessage", chat=int(place.id))

    def keep_pace(self) -> None:
        self._server.flood.is_on = True

    @property
    def refused(self) -> int:
        return self._server.flood.refused


def trouble_of(venue: Venue) -> Trouble:
    """The faults that a venue's server can play."""
    match venue:
        case TelegramVenue():
            return TelegramTrouble(venue)
        case _:
            raise TypeError(f"{venue.name} plays no faults")
