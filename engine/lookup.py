"""Prompt look-up: what stands in the context already is proposed to come again. PURE.

An answer that quotes, corrects or sums up repeats runs of its context. Where its last tokens stood
before, what followed them there is a draft: checked in one step, taken as far as the model draws
the same (Saxena, "Prompt Lookup Decoding", 2023). Every token is still drawn from the model's own
distribution, so a draft changes the speed and not what is said.
"""

from collections.abc import Iterable

LONGEST_DRAFT = 8
GRAMS = (3, 2)
"""Lengths of the runs that are looked up, the surer one first."""
SMOOTHING = 0.2
FIRST_SHARE = 0.5
REST_TOKENS = 48
"""How long no draft is made after drafts did not pay."""


class Lookup:
    """The runs of one context, and how well drafts did in this answer."""

    def __init__(self, tokens: Iterable[int]) -> None:
        self._tokens: list[int] = []
        self._seen: dict[tuple[int, ...], int] = {}
        self._share = FIRST_SHARE
        self._rest = 0
        for token in tokens:
            self.push(token)

    def push(self, token: int) -> None:
        """A token joined the context."""
        # A run is entered once something follows it, so that looking up finds an earlier one.
        end = len(self._tokens)
        for length in GRAMS:
            if end >= length:
                self._seen[tuple(self._tokens[end - length :])] = end
        self._tokens.append(token)
        self._rest = max(0, self._rest - 1)

    def draft(self, most: int, price: float) -> list[int]:
        """What may come next, at most `most` tokens.

        `price` is what checking a token costs, as a share of what computing one alone costs.
        """
        if self._rest or price >= 1:
            return []
        if self._share <= price:
            self._rest, self._share = REST_TOKENS, max(FIRST_SHARE, price)
            return []
        length = min(most, 2 + int(self._share * (LONGEST_DRAFT - 2)))
        for gram in GRAMS:
            at = self._seen.get(tuple(self._tokens[-gram:]))
            if at is not None and len(self._tokens) >= gram:
                return self._tokens[at : at + length]
        return []

    def note(self, drafted: int, taken: int) -> None:
        """How much of a draft was drawn again."""
        self._share += SMOOTHING * (taken / drafted - self._share)
