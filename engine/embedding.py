"""Texts → vectors, in packs that go together. PURE."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from engine.plan import Plan

PACK_TOKENS = 2048
"""Tokens of one pass, and so of the longest text."""
PACK_TEXTS = 32
"""Texts of one pass, and of one question."""

Vector = tuple[float, ...]


def embedding_plan(plan: Plan, trained_context: int) -> Plan:
    """The shape of a worker that embeds: one pass in memory, no conversations."""
    tokens = min(PACK_TOKENS, trained_context or PACK_TOKENS)
    return replace(
        plan,
        context_tokens=tokens,
        batch_tokens=tokens,
        sequences=1,
        park_bytes=0,
        spill_dir="",
        cache_type="f16",
    )


def packs(lengths: Sequence[int], most: int) -> Iterator[range]:
    """Which texts, by their `lengths`, go together: as many as have `most` all in all, in their
    order. A text that is longer goes alone."""
    start = together = 0
    for i, length in enumerate(lengths):
        if i > start and (together + length > most or i - start == PACK_TEXTS):
            yield range(start, i)
            start, together = i, 0
        together += length
    if start < len(lengths):
        yield range(start, len(lengths))


def normalised(vector: Sequence[float]) -> Vector:
    """The vector at length 1, so that a product of two is their cosine; zeros stay."""
    length = math.sqrt(math.fsum(x * x for x in vector))
    return tuple(x / length for x in vector) if length > 0 else tuple(vector)
