"""What steps took lately. PURE: the seconds are given."""

from dataclasses import dataclass

SMOOTHING = 0.2
"""Weight of the latest step in a measured rate."""
MIN_CHUNK_TOKENS = 16
"""Prompts computed in smaller chunks than this say little of how fast prompts are."""
LEAST_SHARE = 0.2
"""Of a mixed step's time, the least that is the prompts'."""


@dataclass(slots=True)
class Rates:
    """Tokens a second of prompts and of all answers together, and the seconds that one answer's
    token takes of a step; 0 before the first measurement."""

    prefill: float = 0.0
    decode: float = 0.0
    token_s: float = 0.0

    @property
    def draft_price(self) -> float:
        """What checking a drafted token takes, as a share of what computing one alone takes."""
        known = self.prefill > 0 and self.token_s > 0
        return 1 / (self.prefill * self.token_s) if known else 1.0

    def note(self, writers: int, extra: int, seconds: float) -> None:
        """Learn from a step with a token of each of `writers` answers and `extra` of prompts and
        drafts."""
        seconds = max(seconds, 1e-6)
        if not writers and extra < MIN_CHUNK_TOKENS and self.prefill:
            return
        if extra:
            # What the writers of a mixed step took is known from the steps without a prompt.
            own = max(seconds - writers * self.token_s, seconds * LEAST_SHARE)
            self.prefill = _smooth(self.prefill, extra / own)
        elif writers:
            self.decode = _smooth(self.decode, writers / seconds)
            self.token_s = _smooth(self.token_s, seconds / writers)


def _smooth(old: float, new: float) -> float:
    return new if old == 0 else old + SMOOTHING * (new - old)
