"""How long a draft may be, for what it promises and costs."""

from itertools import repeat
from math import prod

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.payoff import LEAST_GAIN, LENGTHS, LONGEST_DRAFT, best_length

SURE, LIKELY, EVEN, RARE = 1.0, 0.9, 0.5, 0.2


@pytest.mark.parametrize(
    ("chance", "price", "most", "length"),
    [
        (SURE, 0.5, 100, LONGEST_DRAFT),
        (SURE, 0.0, 0, 0),
        (SURE, 0.1, 2, 0),
        (SURE, 0.1, 6, 3),
        (SURE, 1.0, 100, 0),
        (SURE, 0.95, 100, 0),
        (LIKELY, 0.15, 100, LONGEST_DRAFT),
        (LIKELY, 0.5, 100, 3),
        (EVEN, 0.15, 100, 3),
        (EVEN, 0.5, 100, 0),
        (RARE, 0.15, 100, 0),
    ],
)
def test_a_draft_is_as_long_as_pays(chance: float, price: float, most: int, length: int):
    assert best_length(repeat(chance), price, most) == length


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0, 2), st.integers(-1, 12))
def test_no_other_length_promises_more(chances: list[float], price: float, most: int):
    best = best_length(chances, price, most)

    def promise(length: int) -> float:
        promised = sum(prod(chances[:n]) for n in range(length + 1))
        return promised / (1 + price * length)

    possible = [n for n in LENGTHS if n <= min(most, len(chances))]
    assert best in {0, *possible}
    least = promise(best) if best else LEAST_GAIN
    assert all(promise(n) <= least + 1e-9 for n in possible)
    assert not best or promise(best) > LEAST_GAIN - 1e-9
