"""What may go wrong on the way between a bot and Telegram."""

from dataclasses import dataclass

from tests.fakes import faults
from tests.fakes.faults import Delayed, Dropped, Reset, Truncated

__all__ = ["Delayed", "Dropped", "Failure", "Fault", "Faults", "Patience", "Reset", "Truncated"]


@dataclass(frozen=True, slots=True)
class Patience:
    """429: nothing is done, for so many seconds."""

    retry_after_s: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Nothing is done, and the server says so with a status."""

    status: int = 500
    description: str = "Internal Server Error"


@dataclass(frozen=True, slots=True)
class Shuffled:
    """A batch of updates arrives backwards."""


Fault = Patience | Failure | Reset | Dropped | Truncated | Delayed | Shuffled
Faults = faults.Faults[Fault]
