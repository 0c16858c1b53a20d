"""What two lists of tokens begin with."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.prefix import common_prefix


@pytest.mark.parametrize(
    ("left", "right", "length"),
    [([], [1], 0), ([1, 2], [1, 2, 3], 2), ([1, 2, 3], [1, 9, 3], 1), ([1], [2], 0)],
)
def test_common_prefix(left: list[int], right: list[int], length: int):
    assert common_prefix(left, right) == length
    assert common_prefix(tuple(left), right) == length


@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_it_is_the_longest(same: list[int], left: list[int], right: list[int]):
    one, other = same + left, same + right
    length = common_prefix(one, other)
    assert one[:length] == other[:length]
    assert (
        one[length : length + 1] != other[length : length + 1] or len(one) == len(other) == length
    )
