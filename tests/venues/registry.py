"""Every platform that the scenario suite runs on, by name."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from tests.venues.base import Venue
from tests.venues.matrix import MatrixVenue
from tests.venues.page import PageVenue
from tests.venues.slack import SlackVenue
from tests.venues.telegram import TelegramVenue

VENUES: dict[str, Callable[[], AbstractAsyncContextManager[Venue]]] = {
    "web": PageVenue,
    "telegram": TelegramVenue,
    "slack": SlackVenue,
    "matrix": MatrixVenue,
}
