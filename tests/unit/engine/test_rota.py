"""Passes are taken fairly: every question gets on, and short ones do not wait for long ones."""

from hypothesis import given
from hypothesis import strategies as st

from engine.embedding import PACK_TEXTS
from engine.rota import Asked, Rota

PASS_TOKENS = 100


def asked(number: int, *lengths: int) -> Asked:
    return Asked(number, [[number] * length for length in lengths])


def computed(rota: Rota) -> list[int]:
    """One pass; returns of which questions."""
    taken = rota.next_pass(PASS_TOKENS)
    for question, text in taken:
        question.vectors.append((float(len(text)),))
    return [question.number for question, _ in taken]


def rota_of(*questions: Asked) -> Rota:
    rota = Rota()
    for question in questions:
        rota.add(question)
    return rota


def test_a_short_question_waits_for_one_pass_of_a_long_one_before_it():
    rota = rota_of(asked(1, *[90] * 50), asked(2, 90), asked(3, 10))

    assert computed(rota) == [1]
    assert computed(rota) == [2, 3]
    assert [done.number for done in rota.pop_finished()] == [2, 3]
    assert computed(rota) == [1]


def test_a_text_that_is_longer_than_a_pass_goes_alone():
    rota = rota_of(asked(1, 10, 3 * PASS_TOKENS), asked(2, 10))

    assert [computed(rota), computed(rota), computed(rota)] == [[1], [2], [1]]


def test_short_questions_share_a_pass_with_what_is_left_of_others():
    rota = rota_of(asked(1, 60, 60), asked(2, 20), asked(3, 20, 20))

    assert computed(rota) == [1]
    assert computed(rota) == [2, 3, 3]
    assert computed(rota) == [1]


def test_of_a_question_that_was_dropped_nothing_more_is_computed():
    first, second = asked(1, *[90] * 50), asked(2, 90)
    rota = rota_of(first, second)
    computed(rota)

    rota.drop(1)
    rota.drop(7)

    assert first not in rota
    assert second in rota
    assert computed(rota) == [2]
    assert [done.number for done in rota.pop_finished()] == [2]
    assert not rota
    assert rota.next_pass(PASS_TOKENS) == []


def test_a_question_without_texts_is_finished_at_once():
    rota = rota_of(asked(1))
    assert [done.number for done in rota.pop_finished()] == [1]


@given(st.lists(st.lists(st.integers(0, 2 * PASS_TOKENS), max_size=40), max_size=8))
def test_everybody_gets_on_and_every_text_is_computed_once_in_its_order(lengths: list[list[int]]):
    questions = [asked(number, *each) for number, each in enumerate(lengths)]
    rota = rota_of(*questions)
    rota.pop_finished()
    waited = dict.fromkeys(range(len(questions)), 0)
    while rota:
        waiting = {question.number for question in questions if question.left}
        given_ = computed(rota)
        assert 1 <= len(given_) <= PACK_TEXTS
        for number in waiting:
            waited[number] = 0 if number in given_ else waited[number] + 1
            assert waited[number] < len(questions)
        rota.pop_finished()
    for question, each in zip(questions, lengths, strict=True):
        assert question.vectors == [(float(length),) for length in each]
