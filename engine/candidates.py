"""The tokens among which the next one is drawn: the best few of a row of logits. PURE.

llama.cpp's samplers work on a list of all tokens with their logits. With a large vocabulary, making
that list costs more than drawing, and all but a few of its entries are thrown away at once.
"""

import numpy as np
from numpy.typing import NDArray

GROUPED = 64
"""Logits in a group, of which the largest is looked at first."""

Logits = NDArray[np.float32]


def best(logits: Logits, count: int) -> NDArray[np.intp]:
    """The places of the `count` largest logits in rising order; of those equal to the last, all.

    The largest of `count` groups are no smaller than the smallest of these: nothing below that is
    among the best, and what is left to compare is little.
    """
    if count == 1:
        return np.array([logits.argmax()])
    groups = len(logits) // GROUPED
    if not 0 < count <= groups:
        return np.arange(len(logits))
    # Every so-many-th logit is a group, and the few behind the last whole round are none's: so
    # the largest are found by comparing long rows, which processors do at once.
    peaks = logits[: groups * GROUPED].reshape(GROUPED, groups).max(axis=0)
    near = np.flatnonzero(logits >= np.partition(peaks, -count)[-count])
    if not len(near):
        return np.arange(len(logits))  # they are no numbers, and nothing is larger
    found = logits[near]
    return near[found >= np.partition(found, -count)[-count]]
