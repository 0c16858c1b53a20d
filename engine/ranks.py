"""Who stands beside whom in the cache, so that answers are computed together. PURE.

The library computes a step's rows in one pass over the weights only as far as their sequences
follow one another without a gap (llama.cpp, `llama_batch_allocr::split_equal`). A conversation
stays in its sequence between two answers, so those that are answered at the same time may stand
anywhere. Beside the others, an answer costs copies of two states, once; apart, a pass in each step.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

SMOOTHING = 0.2
"""Weight of the latest move in what a token takes to be moved."""
DOUBT = 0.001
"""A price at which nothing moves is never measured again: so much of it is forgotten each time."""
PASS_SHARE = 0.5
"""Of the time of an answer's token, what is the pass over the weights: no less with a model of 135M
on two cores, and more with a larger one, which memory holds up."""


@dataclass(frozen=True, slots=True)
class Move:
    """An answer changes places with what lies in a sequence that nobody writes to."""

    source: int
    target: int


def together(busy: Collection[int]) -> bool:
    """Whether no gap is between these sequences."""
    return max(busy) - min(busy) < len(busy)


def closer(writing: Sequence[int], idle: Sequence[int]) -> Move | None:
    """What brings an answer nearer to the others; None where all stand together, or can't.

    Only those that are `writing` move, and only to `idle` sequences; of both, the first costs
    least. In other sequences prompts are computed.
    """
    places = range(max(*writing, *idle) - len(writing) + 2)
    windows = [range(place, place + len(writing)) for place in places]
    usable = {*writing, *idle}
    open_to_all = [window for window in windows if usable.issuperset(window)]
    if not open_to_all:
        return None
    window = max(open_to_all, key=lambda each: sum(sequence in each for sequence in writing))
    outside = [sequence for sequence in writing if sequence not in window]
    inside = [sequence for sequence in idle if sequence in window]
    return Move(outside[0], inside[0]) if outside else None


class Price:
    """What moves took, by token, in seconds. None may hold up readers for more than `most_s`."""

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._token_s = 0.0

    def note(self, tokens: int, seconds: float) -> None:
        """So many were copied; `inf` seconds where they can't be."""
        token_s = seconds / max(1, tokens)
        self._token_s += (SMOOTHING if self._token_s else 1.0) * (token_s - self._token_s)

    def pays(self, tokens: int, steps: float, token_s: float) -> bool:
        """Whether `tokens` should be copied for an answer that probably goes on for so many `steps`
        and takes `token_s` seconds of each. A price at which it should not is doubted a little."""
        saved_s = steps * PASS_SHARE * token_s
        is_worth = tokens * self._token_s < min(saved_s, self._most_s)
        if not is_worth:
            self._token_s *= 1 - DOUBT
        return is_worth
