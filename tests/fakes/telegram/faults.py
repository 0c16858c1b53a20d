"""What may go wrong on the way between a bot and Telegram."""

from dataclasses import dataclass, field


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


@dataclass(frozen=True, slots=True)
class Shuffled:
    """A batch of updates arrives backwards."""


Fault = Patience | Failure | Reset | Dropped | Truncated | Delayed | Shuffled


@dataclass(slots=True)
class _Planned:
    fault: Fault
    method: str
    chat: int | None
    times: int


@dataclass(slots=True)
class Faults:
    """The faults to come, each for the next calls of a method, in one chat or in any."""

    _planned: list[_Planned] = field(default_factory=list[_Planned])

    def add(self, fault: Fault, method: str, *, chat: int | None = None, times: int = 1) -> None:
        """Meet the next `times` calls of a method, of a bot's to `chat` if given, with a fault."""
        self._planned.append(_Planned(fault, method.lower(), chat, times))

    def take(self, method: str, chat: int | None) -> Fault | None:
        """The fault of this call."""
        for planned in self._planned:
            if planned.method == method.lower() and planned.chat in (None, chat):
                planned.times -= 1
                if not planned.times:
                    self._planned.remove(planned)
                return planned.fault
        return None

    @property
    def pending(self) -> int:
        """How many faults nobody met yet."""
        return sum(planned.times for planned in self._planned)
