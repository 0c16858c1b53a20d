"""The chunks that a prompt gets beside readers, on machines of every kind."""

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from engine.pacing import BESIDE_READERS, MOST_TURNS, Pacing
from engine.rates import Rates

Machine = Callable[[int], float]
"""Seconds that a chunk of so many tokens takes."""


def bound_by_memory(tokens: int) -> float:
    """A large model: the weights are read once, and sixteen tokens are computed meanwhile."""
    return max(0.125, tokens * 0.008)


def bound_by_computing(tokens: int) -> float:
    """A long context: each token takes nearly as long as the first."""
    return 0.03 + tokens * 0.03


def after_chunks(machine: Machine, count: int, pacing: Pacing | None = None) -> list[int]:
    """The sizes of chunks beside one reader of the same model."""
    pacing = pacing or Pacing()
    rates = Rates(prefill=64 / machine(64), token_s=machine(1))
    sizes: list[int] = []
    for _ in range(count):
        sizes.append(pacing.tokens(rates.token_s, rates))
        pacing.note(sizes[-1], machine(sizes[-1]), rates.token_s, rates)
    return sizes


def test_what_a_pass_computes_for_nothing_is_used():
    assert 16 <= after_chunks(bound_by_memory, 40)[-1] <= 18


def test_no_more_than_that_is_taken_from_the_readers():
    assert after_chunks(bound_by_computing, 40)[-20:] == [1] * 20


@pytest.mark.parametrize(
    ("steps", "turns"),
    [(0.5, 1), (1.2, 1), (1.7, 1), (1.9, 2), (2.4, 2), (3.6, 3), (1000, MOST_TURNS)],
)
def test_readers_get_as_long_as_a_token_took_that_cannot_be_shortened(steps: float, turns: int):
    pacing = Pacing()
    pacing.note(1, steps * 0.03, 0.03, Rates(prefill=30.0, token_s=0.03))

    assert pacing.turns == turns


def test_readers_get_one_turn_after_what_can_be_shortened():
    pacing = Pacing()
    pacing.note(1, 1.0, 0.03, Rates(prefill=30.0, token_s=0.03))
    pacing.note(2, 1.0, 0.03, Rates(prefill=30.0, token_s=0.03))

    assert pacing.turns == 1


def test_a_prompt_that_grows_slower_gets_shorter_chunks():
    pacing = Pacing()
    before = after_chunks(bound_by_memory, 40, pacing)[-1]
    rates = Rates(prefill=125.0, token_s=0.125)
    pacing.note(before, 4 * 0.125 * BESIDE_READERS, 0.125, rates)

    assert pacing.tokens(0.125, rates) == before // 4


def test_a_chunk_many_times_too_slow_is_followed_by_a_single_token():
    pacing, rates = Pacing(), Rates(prefill=1000.0, token_s=0.125)
    pacing.note(10, 10.0, 0.125, rates)

    assert pacing.tokens(0.125, rates) == 1


@pytest.mark.parametrize("prefill", [125.0, 64.0])
def test_a_shorter_chunk_than_was_allowed_makes_the_next_one_no_shorter(prefill: float):
    """... whether what is allowed was learnt or is the first guess yet."""
    pacing, rates = Pacing(), Rates(prefill=prefill, token_s=0.125)
    pacing.note(9, bound_by_memory(9), 0.125, rates)
    allowed = pacing.tokens(0.125, rates)
    pacing.note(2, bound_by_memory(2), 0.125, rates)

    assert pacing.tokens(0.125, rates) == allowed


def test_one_slow_chunk_is_made_good_again():
    pacing = Pacing()
    usual = after_chunks(bound_by_memory, 40, pacing)[-1]
    pacing.note(usual, 10.0, 0.125, Rates(prefill=125.0, token_s=0.125))

    assert after_chunks(bound_by_memory, 40, pacing)[-1] == usual


@given(st.lists(st.tuples(st.integers(1, 64), st.floats(0, 10), st.floats(0, 10))))
@example([(1, 3.0, 1e-308)])
def test_a_prompt_always_gets_on(chunks: list[tuple[int, float, float]]):
    pacing, rates = Pacing(), Rates()
    for tokens, seconds, step_s in chunks:
        pacing.note(tokens, seconds, step_s, rates)

    assert pacing.tokens(0.0, rates) >= 1
    assert 1 <= pacing.turns <= MOST_TURNS


@pytest.mark.parametrize("known", [Rates(), Rates(prefill=100.0)])
def test_a_chunk_before_any_pace_is_known_teaches_nothing(known: Rates):
    pacing = Pacing()
    pacing.note(30, 1.0, 0.0, known)

    assert pacing.tokens(0.5, Rates(prefill=100.0)) == 50 * BESIDE_READERS


def test_the_rate_beside_readers_counts_their_steps_in():
    pacing, rates = Pacing(), Rates(prefill=125.0, token_s=0.125)
    assert pacing.rate == 0.0
    for _ in range(50):
        pacing.note(10, 0.075, 0.125, rates)

    assert pacing.rate == pytest.approx(10 / (0.075 + 0.125))


def test_the_rate_beside_readers_counts_all_their_turns_in():
    pacing = Pacing()
    pacing.note(1, 0.072, 0.03, Rates(prefill=30.0, token_s=0.03))
    assert pacing.turns == 2

    assert pacing.rate == pytest.approx(1 / (0.072 + 2 * 0.03))
