"""Answers that are written together stand together, and nobody moves in vain."""

import hypothesis.strategies as st
from hypothesis import given

from engine.ranks import Move, Price, closer


def test_those_who_stand_together_stay():
    assert closer([2, 3, 4], [2, 3, 4], [0, 1, 5]) is None


def test_who_stands_apart_comes_beside_the_others():
    assert closer([0, 1, 5], [0, 1, 5], [3, 4, 2]) == Move(5, 2)


def test_a_gap_is_closed_from_its_farther_side():
    assert closer([0, 2, 3, 7], [0, 2, 3, 7], [4, 5, 6, 1]) == Move(7, 1)


def test_the_place_is_taken_that_is_missed_least():
    assert closer([0, 3, 6], [0, 3, 6], [2, 5, 4, 1]) == Move(6, 2)
    assert closer([0, 3, 6], [0, 3, 6], [5, 1, 2, 4]) == Move(6, 1)


def test_a_prompt_that_is_computed_stays_and_others_come_to_it():
    assert closer([0], [0, 5], [1, 2, 3, 4]) == Move(0, 4) or closer([5], [0, 5], [1]) == Move(5, 1)
    assert closer([], [0, 5], [1, 2, 3, 4]) is None


@given(st.sets(st.integers(0, 11), min_size=1), st.randoms())
def test_with_as_many_moves_as_stand_apart_all_stand_together(writing: set[int], chance: object):
    idle = [sequence for sequence in range(12) if sequence not in writing]
    for _ in range(len(writing)):
        move = closer(writing, writing, idle)
        if move is None:
            break
        assert move.source in writing
        assert move.target in idle
        writing = (writing - {move.source}) | {move.target}
        idle = [move.source if each == move.target else each for each in idle]

    assert max(writing) - min(writing) + 1 == len(writing)


def test_a_move_pays_when_the_passes_it_saves_take_longer():
    price = Price()
    price.note(100, 1.0)

    assert price.pays(100, steps=30, token_s=0.1)
    assert not price.pays(100, steps=15, token_s=0.1)
    assert not price.pays(400, steps=30, token_s=0.1)


def test_before_anything_was_measured_a_move_is_tried():
    assert Price().pays(1000, steps=1, token_s=0.01)


def test_as_many_tokens_as_once_could_not_be_moved_are_not_tried_again():
    price = Price()
    price.refuse(500)

    assert not price.pays(500, steps=1000, token_s=1.0)
    assert price.pays(499, steps=1000, token_s=1.0)
