"""Whether an answer's drafts pay, and how long the next one may be. PURE."""

from collections.abc import Iterable
from itertools import islice

LONGEST_DRAFT = 7
LENGTHS = (3, LONGEST_DRAFT)
"""A step's rows are computed in fours, an answer's own token being one of them (ggml's kernels)."""
LEAST_GAIN = 1.1
"""A draft must promise so much more speed, for what it costs was measured on other steps."""

SMOOTHING = 0.2
FIRST_SHARE = 0.5
MOST_PRICE = 0.65
"""Where a drafted token costs more than this share of one computed alone, none is tried."""
REST_TOKENS = 48
"""How long no draft is made after drafts did not pay."""


def best_length(chances: Iterable[float], price: float, most: int) -> int:
    """The draft, of at most `most` tokens, that promises most tokens a second; 0 where none does.

    `chances` are each token's to be drawn if all before it are; `price` is what a drafted token
    costs, as a share of what computing one alone costs.
    """
    best, gain, promised, reached = 0, LEAST_GAIN, 1.0, 1.0
    for length, chance in enumerate(islice(chances, max(0, min(most, LONGEST_DRAFT))), start=1):
        reached *= chance
        promised += reached
        if length in LENGTHS and promised / (1 + price * length) > gain:
            best, gain = length, promised / (1 + price * length)
    return best


class Payoff:
    """The share of its drafts' tokens that an answer took, lately."""

    def __init__(self) -> None:
        self._share = FIRST_SHARE
        self._has_tried = False
        self._rest = 0

    def pass_token(self) -> None:
        """The answer has grown by one token."""
        self._rest = max(0, self._rest - 1)

    def length(self, price: float) -> int:
        """Tokens that the next draft may have; 0 while drafts do not pay. One is always tried.

        `price` is what a drafted token costs, as a share of what computing one alone costs.
        """
        if self._rest or price >= MOST_PRICE:
            return 0
        if self._has_tried and self._share <= price:
            self._rest, self._share, self._has_tried = REST_TOKENS, FIRST_SHARE, False
            return 0
        return 2 + int(self._share * (LONGEST_DRAFT - 2))

    def note(self, drafted: int, taken: int) -> None:
        """How much of a draft was drawn again."""
        self._has_tried = True
        self._share += SMOOTHING * (taken / drafted - self._share)
