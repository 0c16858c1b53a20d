"""How long an engine usually has nothing to do, from when it had not. PURE: the time is given."""

from collections import deque
from statistics import median_low

RESTS_KEPT = 32


class Rests:
    """The latest rests, in seconds."""

    def __init__(self) -> None:
        self._lengths: deque[float] = deque(maxlen=RESTS_KEPT)
        self._since_s: float | None = None

    @property
    def usual_s(self) -> float:
        """Half of the latest rests were at least so long; 0 before the first was over."""
        return median_low(self._lengths) if self._lengths else 0.0

    def begin(self, now_s: float) -> None:
        """There is nothing to do any more."""
        self._since_s = now_s

    def end(self, now_s: float) -> None:
        """Somebody asked; nothing is learnt if it did not find a rest."""
        if self._since_s is not None:
            self._lengths.append(now_s - self._since_s)
            self._since_s = None
