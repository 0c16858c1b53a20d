"""What may go wrong on the way between a bot and Slack."""

from dataclasses import dataclass, field


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


Fault = Patience | Failure | Refused | Reset | Dropped | Truncated | Delayed


@dataclass(slots=True)
class _Planned:
    fault: Fault
    method: str
    channel: str | None
    times: int


@dataclass(slots=True)
class Faults:
    """The faults to come, each for the next calls of a method, in one channel or in any."""

    _planned: list[_Planned] = field(default_factory=list[_Planned])

    def add(self, fault: Fault, method: str, *, channel: str | None = None, times: int = 1) -> None:
        """Meet the next `times` calls of a method, in `channel` if given, with a fault."""
        self._planned.append(_Planned(fault, method, channel, times))

    def take(self, method: str, channel: str) -> Fault | None:
        """The fault of this call."""
        for planned in self._planned:
            if planned.method == method and planned.channel in (None, channel):
                planned.times -= 1
                if not planned.times:
                    self._planned.remove(planned)
                return planned.fault
        return None

    @property
    def pending(self) -> int:
        """How many faults nobody met yet."""
        return sum(planned.times for planned in self._planned)
