"""Which tokens are drawn among, for rows of logits of all sizes and with equal ones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.candidates import best

LOGITS = st.integers(1, 3000).flatmap(
    lambda size: st.tuples(
        st.just(size), st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 40, 2000])
    )
)


@given(LOGITS, st.integers(0, 100))
def test_no_candidate_is_worse_than_one_left_out(drawn: tuple[int, int, int], count: int) -> None:
    """... and among few different values, so that many are equal, nobody is left out unfairly."""
    size, seed, values = drawn
    logits = np.random.default_rng(seed).integers(0, values, size).astype(np.float32)
    places = best(logits, count).tolist()
    assert places == sorted(set(places))
    assert len(places) >= min(count, size)
    if 1 < count <= size and len(places) < size:
        least = sorted(logits.tolist(), reverse=True)[count - 1]
        assert places == [place for place, logit in enumerate(logits) if logit >= least]


@given(LOGITS)
def test_one_candidate_is_the_first_of_the_largest(drawn: tuple[int, int, int]) -> None:
    size, seed, values = drawn
    logits = np.random.default_rng(seed).integers(0, values, size).astype(np.float32)
    assert best(logits, 1).tolist() == [logits.tolist().index(max(logits))]


def test_of_a_vocabulary_few_are_left() -> None:
    logits = np.random.default_rng(1).standard_normal(49152).astype(np.float32)
    assert len(best(logits, 40)) == 40


def test_what_is_no_number_is_left_to_the_library() -> None:
    assert len(best(np.full(200, np.nan, np.float32), 2)) == 200


def test_none_and_more_than_there_are_mean_all() -> None:
    logits = np.zeros(200, np.float32)
    assert len(best(logits, 0)) == len(best(logits, 500)) == 200


def test_the_least_of_the_best_is_one_of_them() -> None:
    assert best(np.arange(256, dtype=np.float32), 2).tolist() == [254, 255]
