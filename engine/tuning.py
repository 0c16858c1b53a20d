"""How a model is computed on this machine, and which of several ways is the best. PURE: what was
measured is given.

One thing is changed at a time, and kept where it pays for everything a person waits for: prompts,
an answer alone, and many answers at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

CacheType = Literal["f16", "q8_0"]

WORTH = 1.03
"""A change is kept when the rates grow by this much on the geometric mean,"""
MOST_LOSS = 0.95
"""... and none of them falls below this share."""
PIECE_TOKENS = 63
UBATCH_TOKENS = (48, 32)


@dataclass(frozen=True, slots=True)
class Tuning:
    """`threads` decode and `prefill_threads` prefill; a step is computed in pieces of
    `ubatch_tokens`; `cache_type` is how the cache stores a number; `flash` attention or not.

    With `PIECE_TOKENS` at most, an answer is the same however its prompt was cut and whatever was
    computed beside it: from 64 on, flash attention rounds otherwise (ggml's `GGML_FA_TILE_Q`).
    Without flash attention one token of a sequence is computed by other kernels than several, so
    it is tried only where rounding may differ. docs/performance.md says what that is worth.
    """

    threads: int
    prefill_threads: int
    ubatch_tokens: int
    cache_type: CacheType = "f16"
    flash: bool = True


@dataclass(frozen=True, slots=True)
class Throughput:
    """Tokens a second: of a prompt, of one answer alone, of many answers together."""

    prefill: float
    one: float
    many: float

    def beats(self, other: "Throughput") -> bool:
        """Whether a change from `other` to this is worth it."""
        pairs = zip(self._all, other._all, strict=True)
        gains = [mine / theirs for mine, theirs in pairs]
        return prod(gains) ** (1 / len(gains)) >= WORTH and min(gains) >= MOST_LOSS

    def best_of(self, other: "Throughput") -> "Throughput":
        """The better of two measurements of one setup: what else ran only made it slower."""
        return Throughput(*map(max, self._all, other._all))

    @property
    def _all(self) -> tuple[float, float, float]:
        return self.prefill, self.one, self.many


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen and its rates; `tried` setups were measured."""

    tuning: Tuning
    rates: Throughput
    tried: int


@dataclass(frozen=True, slots=True)
class Leeway:
    """What may be changed: up to `cpus` threads; the cache to q8_0 with `may_compact`; flash
    attention is left out with `may_round`."""

    cpus: int
    may_compact: bool
    may_round: bool = False


def choose(
    first: Tuning,
    leeway: Leeway,
    measure: Callable[[Tuning], Throughput],
    out_of_time: Callable[[], bool],
) -> Choice:
    """Try one change after the other until the time is over. What is best so far is measured before
    and after every change, so that a machine that is busy meanwhile misleads nobody."""
    best = Choice(first, measure(first), 1)
    for change in _changes(first, leeway):
        if out_of_time():
            break
        other = change(best.tuning)
        if other == best.tuning:
            continue
        rates, now = measure(other), measure(best.tuning)
        tried = best.tried + 1
        better = rates.beats(now.best_of(best.rates))
        best = Choice(other, rates, tried) if better else replace(best, rates=now, tried=tried)
    return best


def _changes(first: Tuning, leeway: Leeway) -> Iterator[Callable[[Tuning], Tuning]]:
    """What is tried, most promising first."""
    for threads in sorted({leeway.cpus, first.threads - 1} - {first.threads, 0}, reverse=True):
        yield lambda best, n=threads: replace(best, prefill_threads=n)
        yield lambda best, n=threads: replace(best, threads=n)
    if leeway.may_round:
        yield lambda best: replace(best, flash=False)
    for tokens in UBATCH_TOKENS:
        if tokens < first.ubatch_tokens:
            yield lambda best, n=tokens: replace(best, ubatch_tokens=n)
    if leeway.may_compact:
        yield lambda best: replace(best, cache_type="q8_0")
