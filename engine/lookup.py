"""Prompt look-up: what stands in the context already is proposed to come again. PURE.

An answer that quotes, corrects or sums up repeats runs of its context. Where its last tokens stood
before, what followed them there is a draft: checked in one step, taken as far as the model draws
the same (Saxena, "Prompt Lookup Decoding", 2023). Every token is still drawn from the model's own
distribution, so a draft changes the speed and not what is said.

A place that was found is followed for as long as the answer agrees with it, drafted or not. How
long it has agreed says best how long it will: a run of r tokens was seen to go on for n more in
about r / (r + n) of all cases. How much oftener or rarer this answer breaks its runs is counted
beside it, which costs nothing, so that drafts begin and end without a trial.
"""

from collections.abc import Iterable, Iterator

from engine.payoff import best_length

GRAM = 2
"""Tokens that must have stood before in the same order, for a place to be followed."""
LONGEST_KNOWN = 40
"""How far back a place that was just found is compared."""
DOUBT = 1.0
"""As many breaks as this, and as many expected ones, are taken for seen when an answer begins."""


class Lookup:
    """One context, and the place in it that its end repeats."""

    def __init__(self, tokens: Iterable[int]) -> None:
        self._tokens: list[int] = []
        self._seen: dict[tuple[int, ...], int] = {}
        self._at: int | None = None
        self._run = 0
        self._breaks = self._expected_breaks = DOUBT
        for token in tokens:
            self._enter(token)

    def push(self, token: int) -> None:
        """The answer's next token joined the context."""
        self._follow(token)
        self._tokens.append(token)
        if self._at is None:
            self._find()
        self._enter_gram()

    def draft(self, most: int, price: float) -> list[int]:
        """What may come next, at most `most` tokens; nothing where that would not pay.

        `price` is what checking a token costs, as a share of what computing one alone costs.
        """
        if self._at is None:
            return []
        most = min(most, len(self._tokens) - self._at)
        length = best_length(self._chances(), price, most)
        return self._tokens[self._at : self._at + length]

    def _chances(self) -> Iterator[float]:
        """Of each token to come, the chance that it agrees if all before it do."""
        rate, run = self._breaks / self._expected_breaks, self._run
        while True:
            run += 1
            yield max(0.0, 1 - rate / run)

    def _follow(self, token: int) -> None:
        if self._at is None:
            return
        self._expected_breaks += 1 / (self._run + 1)
        if self._tokens[self._at] == token:
            self._at += 1
            self._run += 1
        else:
            self._breaks += 1
            self._at = None

    def _find(self) -> None:
        """Follow the latest place that the context's end stood at before."""
        tokens, end = self._tokens, len(self._tokens)
        self._at = self._seen.get(tuple(tokens[-GRAM:]))
        if self._at is not None:
            back = 1
            while (
                back <= min(self._at, LONGEST_KNOWN)
                and tokens[self._at - back] == tokens[end - back]
            ):
                back += 1
            self._run = back - 1

    def _enter(self, token: int) -> None:
        self._tokens.append(token)
        self._enter_gram()

    def _enter_gram(self) -> None:
        if len(self._tokens) >= GRAM:
            self._seen[tuple(self._tokens[-GRAM:])] = len(self._tokens)
