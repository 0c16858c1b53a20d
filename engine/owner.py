"""Whose the tokens in a cache are, and how many of them somebody else may use. PURE.

Entries of a cache may serve every prompt that begins with the same tokens, and whoever gets them
has the first word sooner. That tells something: where users share a cache, quick answers give away
what others asked (Gu et al., "Auditing Prompt Caching in Language Model APIs", ICML 2025, arXiv
2502.07776, which found such caches at seven providers). So a person is lent what is the person's
own, and a stranger only a system prompt, and that whole: part of it could be guessed word by word.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.prefix import common_prefix

ALL = 1 << 62
"""More tokens than anything holds."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The conversation that tokens belong to, and the person who asked last in it.

    The first `shared` tokens are its system prompt, once they are there, and only the first `exact`
    were computed beside nothing but each other: what a shift moved remembers a little of what was
    dropped. What follows them was moved by `shifts` at most.
    """

    session: str
    person: str
    shared: int
    exact: int = ALL
    shifts: int = 0

    def lends(self, to: "Owner", tokens: Sequence[int], prompt: Sequence[int]) -> int:
        """How many of the `tokens` may begin the prompt of `to`."""
        if to.session == self.session:
            return common_prefix(tokens, prompt)
        if to.person == self.person:
            return common_prefix(tokens[: self.exact], prompt)
        same = common_prefix(tokens[: min(self.shared, self.exact)], prompt)
        return same if same == self.shared else 0

    def after_keeping(self, length: int) -> "Owner":
        """... once only the first `length` tokens are left."""
        kept = replace(self, shared=self._left_of_shared(length))
        return replace(kept, exact=ALL, shifts=0) if length <= self.exact else kept

    def after_cutting(self, start: int) -> "Owner":
        """... once tokens left at `start`, and those behind them moved up."""
        exact, shared = min(self.exact, start), self._left_of_shared(start)
        return replace(self, shared=shared, exact=exact, shifts=self.shifts + 1)

    def succeeding(self, before: "Owner") -> "Owner":
        """... where a prompt begins with tokens that were owned by `before`."""
        return replace(self, exact=before.exact, shifts=before.shifts)

    def _left_of_shared(self, length: int) -> int:
        """What follows may be another system prompt, or none: half of one says nothing of it."""
        return self.shared if length >= self.shared else 0
