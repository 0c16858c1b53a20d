"""What is proposed from the context, and when nothing is."""

from collections.abc import Sequence
from itertools import takewhile
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.lookup import GRAM, Lookup
from engine.payoff import LENGTHS, LONGEST_DRAFT

CHEAP, USUAL = 0.1, 0.5
TEXT = list(range(100, 160))


def after(prompt: Sequence[int], answer: Sequence[int]) -> Lookup:
    lookup = Lookup(prompt)
    for token in answer:
        lookup.push(token)
    return lookup


def test_what_followed_before_is_proposed():
    assert after(TEXT, TEXT[10:20]).draft(20, CHEAP) == TEXT[20 : 20 + LONGEST_DRAFT]


def test_the_latest_place_counts():
    assert after([1, 2, 7, 7, 7, 1, 2, 8, 8, 8, 5], [1, 2]).draft(3, CHEAP) == [8, 8, 8]


def test_a_place_is_followed_although_its_end_stood_later_too():
    prompt = [*TEXT[:30], 0, TEXT[8], TEXT[9], 0, 0, 0, 0]
    assert after(prompt, TEXT[:10]).draft(3, CHEAP) == TEXT[10:13]
    assert after(prompt, TEXT[8:10]).draft(3, CHEAP) == [0, 0, 0]


def test_behind_a_corrected_word_the_place_is_found_again():
    assert after(TEXT, [*TEXT[:20], 1, *TEXT[21:23]]).draft(3, CHEAP) == TEXT[23:26]


def test_nothing_is_proposed_for_what_is_new():
    assert Lookup([]).draft(5, CHEAP) == []
    assert after([], [1]).draft(5, CHEAP) == []
    assert after([1, 2, 3, 4], [5, 6]).draft(5, CHEAP) == []
    assert after(TEXT, TEXT[:1]).draft(5, CHEAP) == []


def test_a_draft_is_as_long_as_the_run_before_it_lets_expect():
    lengths = [len(after(TEXT, TEXT[:run]).draft(20, USUAL)) for run in range(2, 30)]
    assert lengths == sorted(lengths)
    assert set(lengths) == {0, *LENGTHS}
    assert {len(after(TEXT, TEXT[:run]).draft(20, 1.0)) for run in range(2, 30)} == {0}


def test_an_answer_that_breaks_its_runs_gets_no_drafts_and_one_that_keeps_them_gets_them_soon():
    broken = [token for at in range(0, 40, 3) for token in (TEXT[at], TEXT[at + 1], 0)]
    first = next(run for run in range(2, 30) if after(TEXT, TEXT[:run]).draft(20, USUAL))
    assert after(TEXT, TEXT[40 : 40 + first]).draft(20, USUAL)
    assert after(TEXT, [*broken, *TEXT[40 : 40 + first]]).draft(20, USUAL) == []
    kept = after(TEXT, [*TEXT[:40], 0, *TEXT[40:42]])
    assert kept.draft(20, USUAL)
    assert after(TEXT, TEXT[40:42]).draft(20, USUAL) == []


def test_nothing_is_followed_before_the_answer_began():
    assert Lookup([*TEXT, *TEXT]).draft(20, CHEAP) == []


@pytest.mark.parametrize("price", [0.15, 0.3, 0.5, 0.7])
@pytest.mark.parametrize("words", [3, 6, 12])
def test_text_that_repeats_by_chance_loses_next_to_nothing(price: float, words: int):
    chance = Random(words)
    prompt, answer = ([chance.randrange(words) for _ in range(400)] for _ in range(2))
    assert played(prompt, answer, price) > 0.95


@pytest.mark.parametrize(("price", "gain"), [(0.15, 2.3), (0.3, 1.7), (0.5, 1.3), (0.95, 1.0)])
def test_a_text_with_a_correction_now_and_then_gains(price: float, gain: float):
    text = list(range(100, 300))
    corrected = [token if token % 20 else 1 for token in text]
    assert played(text, corrected, price) >= gain


def played(prompt: Sequence[int], answer: Sequence[int], price: float) -> float:
    """Tokens a second over those without drafts, if a drafted token costs `price`."""
    lookup, cost, written = Lookup(prompt), 0.0, 0
    while written < len(answer):
        draft = lookup.draft(len(answer) - written - 1, price)
        ahead = answer[written : written + len(draft)]
        pairs = zip(draft, ahead, strict=False)
        taken = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        for token in answer[written : written + taken + 1]:
            lookup.push(token)
        written += taken + 1
        cost += 1 + price * len(draft)
    return len(answer) / cost


@given(
    st.lists(st.integers(0, 3), max_size=40),
    st.lists(st.integers(0, 3), max_size=30),
    st.integers(0, 12),
    st.floats(0.01, 1.5),
)
def test_a_draft_is_a_run_of_the_context_behind_an_equal_one(
    prompt: list[int], answer: list[int], most: int, price: float
):
    draft = after(prompt, answer).draft(most, price)
    assert len(draft) in {n for n in (0, *LENGTHS) if n <= most}
    if draft:
        context = [*prompt, *answer]
        run = [*context[-GRAM:], *draft]
        starts = range(len(context) - len(run) + 1)
        assert any(context[i : i + len(run)] == run for i in starts)
