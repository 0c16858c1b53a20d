"""How long the line takes: played through by hand, and what must hold for any line."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.estimate import FIRST_GUESS_TOKENS, AnswerLengths, Pace, first_words

PACE = Pace(prefill=100.0, interval_s=0.1)


def test_a_free_sequence_waits_for_the_prompts_before_it():
    assert list(first_words([(200, 50)], [(100, 10)], 1, PACE)) == [3.0]


def test_without_one_the_first_answer_to_end_decides():
    running = [(0, 100.0), (0, 20.0)]
    assert list(first_words(running, [(100, 10), (100, 10)], 0, PACE)) == [3.0, pytest.approx(5.0)]


def test_an_answers_rest_is_that_of_those_that_became_longer():
    lengths = AnswerLengths()
    assert lengths.rest(0, 512) == FIRST_GUESS_TOKENS
    assert lengths.rest(0, 8) == 8
    for tokens in (10, 20, 90):
        lengths.note(tokens)
    assert lengths.rest(0, 512) == 40
    assert lengths.rest(15, 512) == 40
    assert lengths.rest(20, 512) == 70
    assert lengths.rest(200, 512) == 200
    assert lengths.rest(20, 25) == 5


@given(st.lists(st.integers(1, 5000), max_size=400), st.integers(0, 5000), st.integers(1, 5000))
def test_something_is_always_still_to_come_and_never_too_much(
    latest: list[int], written: int, left: int
):
    lengths = AnswerLengths()
    for tokens in latest:
        lengths.note(tokens)
    assert 0 < lengths.rest(written, written + left) <= left


@given(
    st.lists(st.tuples(st.integers(0, 4000), st.floats(1, 500)), max_size=8),
    st.lists(st.tuples(st.integers(1, 4000), st.floats(1, 500)), max_size=20),
    st.integers(1, 4),
)
def test_who_is_behind_waits_longer(
    running: list[tuple[int, float]], line: list[tuple[int, float]], free: int
):
    waits = list(first_words(running, line, free, PACE))
    assert len(waits) == len(line)
    assert waits == sorted(waits)
    more = list(first_words(running, line, free + 1, PACE))
    assert all(with_more <= without for with_more, without in zip(more, waits, strict=True))
