"""Which tokens leave when the window slides."""

import hypothesis.strategies as st
from hypothesis import given

from engine.slide import LEAST_KEPT_TOKENS, Cut, cut_for

SYSTEM = list(range(10))
KEPT = list(range(100, 100 + 2 * LEAST_KEPT_TOKENS))


def test_the_oldest_turn_leaves():
    assert cut_for([*SYSTEM, 50, 51, 52, *KEPT], SYSTEM + KEPT + [7]) == Cut(10, 13)


def test_turns_that_begin_alike_are_cut_later():
    held = [*SYSTEM, 60, 50, 51, 60, *KEPT]
    assert cut_for(held, [*SYSTEM, 60, *KEPT, 7]) == Cut(11, 14)


def test_nothing_leaves_where_nothing_slid():
    assert cut_for(SYSTEM + KEPT, SYSTEM + KEPT + [7]) is None
    assert cut_for(SYSTEM + KEPT, [1, 2, 3]) is None
    assert cut_for(SYSTEM + KEPT, SYSTEM + KEPT[:40]) is None


def test_too_little_is_not_worth_it():
    assert cut_for([*SYSTEM, 50, *KEPT[:5]], SYSTEM + KEPT[:5] + [7]) is None


@given(
    st.lists(st.integers(0, 2), max_size=8),
    st.lists(st.integers(0, 2), min_size=1, max_size=8),
    st.lists(st.integers(0, 2), min_size=LEAST_KEPT_TOKENS, max_size=60),
    st.lists(st.integers(3, 4), min_size=1, max_size=3),
)
def test_after_the_cut_it_is_the_beginning_of_what_is_wanted(
    system: list[int], dropped: list[int], kept: list[int], tail: list[int]
):
    held, wanted = system + dropped + kept, system + kept + tail
    cut = cut_for(held, wanted)
    if cut is not None:
        rest = held[: cut.start] + held[cut.end :]
        assert rest == wanted[: len(rest)]
