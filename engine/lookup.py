"""Prompt look-up: what stands in the context already is proposed to come again. PURE.

An answer that quotes, corrects or sums up repeats runs of its context. Where its last tokens stood
before, what followed them there is a draft: checked in one step, taken as far as the model draws
the same (Saxena, "Prompt Lookup Decoding", 2023). Every token is still drawn from the model's own
distribution, so a draft changes the speed and not what is said.
"""

from collections.abc import Iterable

from engine.payoff import Payoff

GRAMS = (3, 2)
"""Lengths of the runs that are looked up, the surer one first."""


class Lookup:
    """The runs of one context, and how well drafts did in this answer."""

    def __init__(self, tokens: Iterable[int]) -> None:
        self._tokens: list[int] = []
        self._seen: dict[tuple[int, ...], int] = {}
        self._payoff = Payoff()
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
        self._payoff.pass_token()

    def draft(self, most: int, price: float) -> list[int]:
        """What may come next, at most `most` tokens.

        `price` is what checking a token costs, as a share of what computing one alone costs.
        """
        length = min(most, self._payoff.length(price))
        for gram in GRAMS if length else ():
            at = self._seen.get(tuple(self._tokens[-gram:]))
            if at is not None and len(self._tokens) >= gram:
                return self._tokens[at : at + length]
        return []

    def note(self, drafted: int, taken: int) -> None:
        """How much of a draft was drawn again."""
        self._payoff.note(drafted, taken)
