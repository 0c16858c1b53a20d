"""How much of a long prompt goes between two tokens of those who read. PURE: seconds are given.

A pass over the weights takes nearly the same for one token as for the first few, more of them on a
larger model, and each token more with all that stands before it. So nothing is foretold: a chunk
that was quick makes the next one longer by a token, a slow one makes it shorter.
"""

from engine.rates import Rates

BESIDE_READERS = 1.2
"""A chunk takes about as long as the readers' own step, whose share this is: so their words come at
about half the pace, whatever the model and the machine. Without the fifth on top, a chunk of one
token, which is a step, would already be too long, and no larger one ever tried."""

KEPT = 0.9
"""What the chunks before count for, with each one, in the rate of those beside readers."""


class Pacing:
    """The size of the chunks beside readers, learnt from what they took."""

    def __init__(self) -> None:
        self._tokens = 0
        self._served = 0.0
        self._took_s = 0.0

    @property
    def rate(self) -> float:
        """Prompt tokens a second beside readers, their own steps counted in; 0 while unknown."""
        return self._served / self._took_s if self._took_s else 0.0

    def tokens(self, bearable_s: float, rates: Rates) -> int:
        """Prompt tokens of the next chunk, at least one, to take no longer than `bearable_s`."""
        return self._tokens or max(1, int(bearable_s * rates.prefill))

    def note(self, tokens: int, seconds: float, bearable_s: float, rates: Rates) -> None:
        """Learn from a chunk beside readers; a shorter one than was allowed shows no room."""
        if not bearable_s:
            return
        self._served = self._served * KEPT + tokens
        self._took_s = self._took_s * KEPT + seconds + bearable_s / BESIDE_READERS
        if seconds > bearable_s:
            self._tokens = max(1, int(tokens * bearable_s / seconds))
        elif tokens >= self._tokens and seconds + self._one_more_s(rates) <= bearable_s:
            self._tokens = tokens + 1

    @staticmethod
    def _one_more_s(rates: Rates) -> float:
        return 1 / rates.prefill if rates.prefill else 0.0
