"""Who stands beside whom in the cache, so that answers are computed together. PURE.

The library computes a step's rows in one pass over the weights only as far as their sequences
follow one another without a gap (llama.cpp, `llama_batch_allocr::split_equal`). A conversation
stays in its sequence between two answers, so those that are answered at the same time may stand
anywhere. Beside the others, an answer costs a copy of its state, once; apart, a pass in every step.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import inf

SMOOTHING = 0.2
"""Weight of the latest move in what a token takes to be moved."""
PASS_SHARE = 0.5
"""Of the time of an answer's token, what is the pass over the weights: no less with a model of 135M
on two cores, and more with a larger one, which memory holds up."""


@dataclass(frozen=True, slots=True)
class Move:
    """An answer leaves its sequence for one that nobody writes to."""

    source: int
    target: int


def closer(writing: Collection[int], busy: Collection[int], idle: Sequence[int]) -> Move | None:
    """What brings an answer nearer to the others; None when all `busy` sequences stand together.

    Only those that are `writing` move. Of the `idle` sequences the first is missed least.
    """
    if max(busy) - min(busy) < len(busy):
        return None
    places = range(len(idle) + 1)  # where as many as are busy, one beside the other, may begin
    windows = [range(place, place + len(busy)) for place in places]
    window = max(windows, key=lambda each: sum(sequence in each for sequence in busy))
    outside = [sequence for sequence in writing if sequence not in window]
    inside = [sequence for sequence in idle if sequence in window]
    return Move(max(outside), inside[0]) if outside and inside else None


class Price:
    """What moves took, by token, in seconds."""

    def __init__(self) -> None:
        self._token_s = 0.0
        self._too_many: float = inf

    def note(self, tokens: int, seconds: float) -> None:
        """So many were moved."""
        token_s = seconds / max(1, tokens)
        self._token_s += (SMOOTHING if self._token_s else 1.0) * (token_s - self._token_s)

    def refuse(self, tokens: int) -> None:
        """So many could not be moved."""
        self._too_many = min(self._too_many, tokens)

    def pays(self, tokens: int, steps: float, token_s: float) -> bool:
        """Whether an answer that holds `tokens` should move, if it probably goes on for so many
        `steps`, and its token takes `token_s` seconds of each."""
        saved_s = steps * PASS_SHARE * token_s
        return tokens < self._too_many and saved_s > tokens * self._token_s
