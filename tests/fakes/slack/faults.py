"""What may go wrong on the way between a bot and Slack."""

from dataclasses import dataclass

from tests.fakes import faults
from tests.fakes.faults import Delayed, Dropped, Reset, Truncated

__all__ = ["Delayed", "Dropped", "Failure", "Fault", "Faults", "Patience", "Reset", "Truncated"]


@dataclass(frozen=True, slots=True)
class Patience:
    """429: nothing is done. `wait` is the `Retry-After`, whatever stands there."""

    wait: str = "1"


@dataclass(frozen=True, slots=True)
class Failure:
    """Nothing is done, and the server says so with a status."""

    status: int = 500


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing is done: 200 with `ok: false` and a code."""

    code: str


Fault = Patience | Failure | Refused | Reset | Dropped | Truncated | Delayed
Faults = faults.Faults[Fault]
