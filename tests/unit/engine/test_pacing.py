"""The chunks that a prompt gets beside readers, on machines of every kind."""

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.pacing import BESIDE_READERS, Pacing
from engine.rates import Rates

Machine = Callable[[int], float]
"""Seconds that a chunk of so many tokens takes."""


def bound_by_memory(tokens: int) -> float:
    """A large model: the weights are read once, and sixteen tokens are computed meanwhile."""
    return max(0.125, tokens * 0.008)


def bound_by_computing(tokens: int) -> float:
    """A small model: each token takes nearly as long as the first."""
    return 0.003 + tokens * 0.003


def after_chunks(machine: Machine, count: int, pacing: Pacing | None = None) -> list[int]:
    """The sizes of chunks beside one reader of the same model."""
    pacing = pacing or Pacing()
    rates = Rates(prefill=64 / machine(64), token_s=machine(1))
    bearable_s = rates.token_s * BESIDE_READERS
    sizes: list[int] = []
    for _ in range(count):
        sizes.append(pacing.tokens(bearable_s, rates))
        pacing.note(sizes[-1], machine(sizes[-1]), bearable_s, rates)
    return sizes


def test_what_a_pass_computes_for_nothing_is_used():
    assert 16 <= after_chunks(bound_by_memory, 40)[-1] <= 18


def test_no_more_than_that_is_taken_from_the_readers():
    assert after_chunks(bound_by_computing, 40)[-20:] == [1] * 20


def test_a_prompt_that_grows_slower_gets_shorter_chunks():
    pacing = Pacing()
    before = after_chunks(bound_by_memory, 40, pacing)[-1]
    rates = Rates(prefill=125.0, token_s=0.125)
    pacing.note(before, 0.6, 0.15, rates)

    assert pacing.tokens(0.15, rates) == before // 4


def test_one_slow_chunk_is_made_good_again():
    pacing = Pacing()
    usual = after_chunks(bound_by_memory, 40, pacing)[-1]
    pacing.note(usual, 10.0, 0.15, Rates(prefill=125.0, token_s=0.125))

    assert after_chunks(bound_by_memory, 40, pacing)[-1] == usual


@given(st.lists(st.tuples(st.integers(1, 64), st.floats(0, 10), st.floats(0, 10))))
def test_a_prompt_always_gets_on(chunks: list[tuple[int, float, float]]):
    pacing, rates = Pacing(), Rates()
    for tokens, seconds, bearable_s in chunks:
        pacing.note(tokens, seconds, bearable_s, rates)

    assert pacing.tokens(0.0, rates) >= 1


@pytest.mark.parametrize("known", [Rates(), Rates(prefill=100.0)])
def test_a_chunk_before_any_pace_is_known_teaches_nothing(known: Rates):
    pacing = Pacing()
    pacing.note(30, 1.0, 0.0, known)

    assert pacing.tokens(0.5, Rates(prefill=100.0)) == 50


def test_the_rate_beside_readers_counts_their_steps_in():
    pacing, rates = Pacing(), Rates(prefill=125.0, token_s=0.125)
    assert pacing.rate == 0.0
    for _ in range(50):
        pacing.note(10, 0.075, 0.125 * BESIDE_READERS, rates)

    assert pacing.rate == pytest.approx(10 / (0.075 + 0.125))
