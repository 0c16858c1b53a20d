"""How much of a long prompt goes between two tokens of those who read. PURE: seconds are given.

A pass over the weights takes nearly the same for one token as for the first few, more of them on a
larger model, and each token more with all that stands before it. So nothing is foretold: a chunk
that was quick makes the next one longer by a token, a slow one makes it shorter. Where a single
token is slow already, the readers get several of theirs between two of the prompt's.
"""

from engine.rates import Rates

BESIDE_READERS = 1.2
"""A chunk takes about as long as the readers' own step, whose share this is: so their words come at
about half the pace, whatever the model and the machine. Without the fifth on top, a chunk of one
token, which is a step, would already be too long, and no larger one ever tried."""

MOST_TURNS = 4
"""So many of their own steps the readers get between two chunks at most: a machine that paused in a
chunk says nothing of how long the next one takes."""

KEPT = 0.9
"""What the chunks before count for, with each one, in the rate of those beside readers."""


class Pacing:
    """The size of the chunks beside readers, learnt from what they took. `step_s` is what the
    readers' own step takes, 0 while that is unknown."""

    def __init__(self) -> None:
        self.turns = 1
        """Steps of the readers' own that make good for the latest chunk."""
        self._tokens = 0
        self._served = 0.0
        self._took_s = 0.0

    @property
    def rate(self) -> float:
        """Prompt tokens a second beside readers, their own steps counted in; 0 while unknown."""
        return self._served / self._took_s if self._took_s else 0.0

    def tokens(self, step_s: float, rates: Rates) -> int:
        """Prompt tokens of the next chunk, at least one."""
        return self._tokens or max(1, int(BESIDE_READERS * step_s * rates.prefill))

    def note(self, tokens: int, seconds: float, step_s: float, rates: Rates) -> None:
        """Learn from a chunk beside readers; a shorter one than was allowed shows no room."""
        self.turns = 1
        if not step_s:
            return
        bearable_s = BESIDE_READERS * step_s
        if seconds > bearable_s:
            self._tokens = max(1, int(tokens * bearable_s / seconds))
            if tokens == 1:
                self.turns = round(min(MOST_TURNS, seconds / bearable_s))
        elif tokens >= self.tokens(step_s, rates) and seconds + _one_more_s(rates) <= bearable_s:
            self._tokens = tokens + 1
        self._served = self._served * KEPT + tokens
        self._took_s = self._took_s * KEPT + seconds + self.turns * step_s


def _one_more_s(rates: Rates) -> float:
    return 1 / rates.prefill if rates.prefill else 0.0
