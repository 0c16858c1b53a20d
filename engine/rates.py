"""What steps took lately. PURE: the seconds are given."""

from dataclasses import dataclass

SMOOTHING = 0.2
"""Weight of the latest step in a measured rate."""
MIN_CHUNK_TOKENS = 16
"""Prompts computed in smaller chunks than this say little of how fast prompts are."""
LEAST_SHARE = 0.2
"""Of the time of a step with drafts, the least that is theirs."""
DOUBT = 0.01
"""Of the measured price of drafts, so much is forgotten in a step without any."""


@dataclass(slots=True)
class Rates:
    """Tokens a second of prompts and of all answers together, and the seconds that one answer's
    token takes of a step, and a drafted one beside it; 0 before the first measurement."""

    prefill: float = 0.0
    decode: float = 0.0
    token_s: float = 0.0
    drafted_s: float = 0.0

    @property
    def draft_price(self) -> float:
        """What checking a drafted token takes, as a share of what computing one alone takes."""
        return self._drafted_s / self.token_s if self._drafted_s and self.token_s else 1.0

    @property
    def _drafted_s(self) -> float:
        """As measured; before that, what a prompt's token takes."""
        return self.drafted_s or (1 / self.prefill if self.prefill else 0.0)

    def note(self, writers: int, prompts: int, drafted: int, seconds: float) -> None:
        """Learn from a step with tokens of `prompts`, or with one of each of `writers` answers and
        those `drafted` beside them."""
        seconds = max(seconds, 1e-6)
        if prompts:
            if prompts >= MIN_CHUNK_TOKENS or not self.prefill:
                self.prefill = _smooth(self.prefill, prompts / seconds)
        elif drafted:
            # What the answers' own tokens took is known from the steps without a draft.
            own_s = max(seconds - writers * self.token_s, seconds * LEAST_SHARE)
            self.drafted_s = _smooth(self._drafted_s, own_s / drafted)
        elif writers:
            self.decode = _smooth(self.decode, writers / seconds)
            self.token_s = _smooth(self.token_s, seconds / writers)
            self._doubt_price()

    def _doubt_price(self) -> None:
        """A price at which nothing is drafted is never measured again: let it fade."""
        if self.drafted_s and self.prefill:
            self.drafted_s += DOUBT * (1 / self.prefill - self.drafted_s)


def _smooth(old: float, new: float) -> float:
    return new if old == 0 else old + SMOOTHING * (new - old)
