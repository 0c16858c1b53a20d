"""The window's slide: what of a sequence the next window keeps, and how to get there. PURE.

When the oldest turn leaves the window, everything behind the system prompt moves. Computing it
again takes a prompt's time. Where the architecture allows it, the kept entries move instead (a
shift): nearly free, but they keep a trace of what was dropped, for they were computed beside it. So
shifts are few in a row, and in spare time the exact prefix is computed instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.prefix import common_prefix

MOST_SHIFTS = 10
"""Slides of a session by shift before its prefix is computed anew."""
LEAST_KEPT_TOKENS = 32
"""A shift that keeps less is not worth the approximation."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Tokens `start` to `end` of a sequence leave; what follows them moves up."""

    start: int
    end: int


def cut_for(held: Sequence[int], wanted: Sequence[int]) -> Cut | None:
    """The one cut after which `held` is the beginning of `wanted`; None when there is none.

    Where `held` and `wanted` begin alike for longer than the system prompt (two turns that start
    with the same words), the cut begins later by as much, and removes the same number of tokens.
    """
    start = common_prefix(held, wanted)
    rest = list(held[start:])
    if not rest or start == len(wanted):
        return None  # one is the other's beginning
    follows = list(wanted[start : start + len(rest)])
    for dropped in range(1, len(rest)):
        kept = len(rest) - dropped
        if rest[dropped] == follows[0] and rest[dropped:] == follows[:kept]:
            return Cut(start, start + dropped) if kept >= LEAST_KEPT_TOKENS else None
        if kept < LEAST_KEPT_TOKENS:
            return None
    return None
