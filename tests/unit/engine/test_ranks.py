"""Answers that are written together stand together, and nobody moves in vain."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.ranks import DOUBT, Move, Price, closer, together


@pytest.mark.parametrize(
    ("busy", "are_together"), [([3], True), ([4, 2, 3], True), ([1, 3], False)]
)
def test_a_gap_is_seen(busy: list[int], *, are_together: bool):
    assert together(busy) == are_together


def test_those_who_stand_together_stay():
    assert closer([3, 2], [0, 1, 4, 5]) is None


def test_who_stands_apart_comes_beside_the_others():
    assert closer([0, 1, 5], [3, 4, 2]) == Move(5, 2)


def test_of_those_apart_and_of_the_gaps_the_cheapest_is_first():
    assert closer([6, 0, 3], [1, 2, 4, 5]) == Move(6, 1)
    assert closer([0, 3, 6, 7], [2, 5, 4, 1]) == Move(6, 2)
    assert closer([7, 0, 1, 6], [2, 3, 4, 5]) == Move(7, 2)
    assert closer([6, 0, 1, 7], [3, 2, 4, 5]) == Move(6, 3)


def test_beside_a_prompt_that_is_computed_answers_stand_together_as_they_can():
    assert closer([0, 2], [3, 4]) == Move(0, 3)
    assert closer([0, 2], []) is None
    assert closer([3, 5], [1, 2, 4]) == Move(5, 2)


@given(st.sets(st.integers(0, 11), min_size=2), st.sets(st.integers(0, 11)))
def test_with_as_many_moves_as_stand_apart_all_stand_together(some: set[int], prompts: set[int]):
    writing = [*some]
    idle = [sequence for sequence in range(12) if sequence not in some | prompts]
    prompts -= some
    for _ in range(len(writing)):
        move = closer(writing, idle)
        if move is None:
            break
        writing[writing.index(move.source)] = move.target
        idle[idle.index(move.target)] = move.source

    has_room = any(
        not prompts & {*range(place, place + len(writing))} for place in range(13 - len(writing))
    )
    assert len({*writing}) == len(some)
    assert together(writing) or not has_room


def test_a_move_pays_when_the_passes_it_saves_take_longer():
    price = Price(most_s=10)
    price.note(100, 1.0)

    assert price.pays(100, steps=30, token_s=0.1)
    assert not price.pays(100, steps=15, token_s=0.1)
    assert not price.pays(400, steps=30, token_s=0.1)


def test_nobody_moves_who_would_hold_up_readers():
    price = Price(most_s=0.5)
    price.note(100, 1.0)

    assert not price.pays(100, steps=1000, token_s=1.0)
    assert price.pays(40, steps=1000, token_s=1.0)


def test_before_anything_was_measured_a_move_is_tried():
    assert Price(most_s=0.1).pays(1000, steps=1, token_s=0.01)


def test_a_price_that_was_measured_in_a_bad_moment_fades():
    price = Price(most_s=0.1)
    price.note(100, 1.0)
    tries = 0
    while not price.pays(100, steps=30, token_s=0.01):
        tries += 1

    assert 1 / DOUBT < tries < 3 / DOUBT


def test_what_can_not_be_moved_is_never_tried_again():
    price = Price(most_s=0.1)
    price.note(10, float("inf"))

    assert not price.pays(1, steps=1e9, token_s=1.0)
    assert not price.pays(1, steps=1e9, token_s=1.0)
