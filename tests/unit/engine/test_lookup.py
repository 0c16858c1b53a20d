"""What is proposed from the context, and when nothing is."""

import hypothesis.strategies as st
from hypothesis import given

from engine.lookup import Lookup
from engine.payoff import LONGEST_DRAFT, MOST_PRICE, REST_TOKENS

CHEAP = 0.1


def test_what_followed_before_is_proposed():
    assert Lookup([1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3]).draft(5, CHEAP) == [4, 5, 6, 7, 8]


def test_the_latest_occurrence_counts_and_the_longer_run_first():
    assert Lookup([1, 2, 3, 7, 9, 2, 3, 8, 1, 2, 3]).draft(1, CHEAP) == [7]
    assert Lookup([1, 2, 3, 7, 1, 2, 3, 8, 1, 2, 3]).draft(1, CHEAP) == [8]


def test_nothing_is_proposed_for_what_is_new():
    assert Lookup([1, 2, 3, 4]).draft(5, CHEAP) == []
    assert Lookup([]).draft(5, CHEAP) == []


def test_a_draft_is_as_long_as_drafts_did_well():
    lookup = Lookup([*range(20), 0, 1, 2])
    lengths = [len(lookup.draft(100, CHEAP))]
    for _ in range(20):
        lookup.note(4, 4)
    lengths.append(len(lookup.draft(100, CHEAP)))
    assert lengths[0] < lengths[1] <= LONGEST_DRAFT


def test_drafts_that_do_not_pay_rest_for_a_while():
    lookup = Lookup([1, 2, 3, 4, 1, 2, 3])
    while lookup.draft(4, price=0.3):
        lookup.note(4, 0)
    for _ in range(REST_TOKENS - 1):
        lookup.push(3)
        assert lookup.draft(4, price=0.3) == []
    lookup.push(3)
    assert lookup.draft(4, price=0.3)


def test_where_a_token_is_dear_one_draft_is_tried_and_goes_on_if_it_was_good():
    dear = 0.55
    lookup = Lookup([*range(20), 0, 1, 2])
    draft = lookup.draft(8, dear)
    assert draft
    lookup.note(len(draft), len(draft))
    assert lookup.draft(8, dear)
    lookup.note(8, 0)
    assert lookup.draft(8, dear) == []
    assert Lookup([*range(20), 0, 1, 2]).draft(8, MOST_PRICE) == []


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 12))
def test_a_draft_is_a_run_of_the_context_behind_an_equal_one(tokens: list[int], most: int):
    draft = Lookup(tokens).draft(most, CHEAP)
    assert len(draft) <= most
    if draft:
        run = [*tokens[-2:], *draft]
        starts = range(len(tokens) - len(run) + 1)
        assert any(tokens[i : i + len(run)] == run for i in starts)
