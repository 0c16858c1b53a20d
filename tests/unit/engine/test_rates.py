"""What is learned from the time of steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rates import DOUBT, MIN_CHUNK_TOKENS, Rates

TOKEN_S, PROMPT_S, DRAFTED_S = 0.1, 0.02, 0.05


def seconds(writers: int, prompts: int, drafted: int) -> float:
    return writers * TOKEN_S + prompts * PROMPT_S + drafted * DRAFTED_S


def learned(*steps: tuple[int, int, int]) -> Rates:
    rates = Rates()
    for step in steps:
        rates.note(*step, seconds(*step))
    return rates


def test_before_anything_was_measured_a_draft_is_as_dear_as_a_token():
    assert Rates().draft_price == 1.0
    assert learned((0, 64, 0)).draft_price == 1.0
    assert learned((1, 0, 0)).draft_price == 1.0


def test_a_draft_is_first_taken_to_cost_what_a_prompt_does_and_then_what_it_did():
    steps = [(0, 64, 0), (1, 0, 0)]
    assert learned(*steps).draft_price == pytest.approx(0.2)
    assert learned(*steps, *[(1, 0, 7)] * 30).draft_price == pytest.approx(0.5, rel=0.01)


def test_drafts_do_not_change_what_is_known_of_prompts():
    steps = [(0, 64, 0), (1, 0, 0)]
    assert learned(*steps, *[(1, 0, 7)] * 30).prefill == pytest.approx(1 / PROMPT_S)


def test_a_price_at_which_nothing_is_drafted_fades():
    rates = learned((0, 64, 0), (1, 0, 0), *[(1, 0, 7)] * 30)
    before = rates.draft_price
    rates.note(1, 0, 0, TOKEN_S)
    assert rates.draft_price == pytest.approx(before - DOUBT * (before - 0.2), rel=0.01)
    for _ in range(1000):
        rates.note(1, 0, 0, TOKEN_S)
    assert rates.draft_price == pytest.approx(0.2, rel=0.01)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just(0), st.integers(1, 64), st.just(0), st.floats(0, 10)),
            st.tuples(st.integers(1, 8), st.just(0), st.integers(0, 56), st.floats(0, 10)),
        ),
        max_size=30,
    )
)
def test_rates_and_price_are_never_negative(steps: list[tuple[int, int, int, float]]):
    rates = Rates()
    for step in steps:
        rates.note(*step)
    assert min(rates.prefill, rates.decode, rates.token_s, rates.drafted_s) >= 0
    assert rates.draft_price > 0


def test_a_short_chunk_says_nothing_once_a_pace_is_known():
    rates = learned((0, MIN_CHUNK_TOKENS - 1, 0))
    assert rates.prefill == pytest.approx(1 / PROMPT_S)
    rates.note(0, MIN_CHUNK_TOKENS - 1, 0, 100.0)
    assert rates.prefill == pytest.approx(1 / PROMPT_S)
    rates.note(0, MIN_CHUNK_TOKENS, 0, 100.0)
    assert rates.prefill < 1 / PROMPT_S
