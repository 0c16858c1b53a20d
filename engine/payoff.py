"""Whether an answer's drafts pay, and how long the next one may be. PURE."""

LONGEST_DRAFT = 8
SMOOTHING = 0.2
FIRST_SHARE = 0.5
MOST_PRICE = 0.65
"""Where a drafted token costs more than this share of one computed alone, none is tried."""
REST_TOKENS = 48
"""How long no draft is made after drafts did not pay."""


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
