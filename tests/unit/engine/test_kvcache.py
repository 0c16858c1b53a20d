"""Which sequence an answer gets, what stays in it, and how past answers are spelled."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.kvcache import (
    ANSWERS_A_SESSION,
    SESSIONS_WITH_ANSWERS,
    AnswerBook,
    Claim,
    Ledger,
    Recorded,
)


def claim_of(ledger: Ledger, session: str, tokens: list[int]) -> Claim | None:
    sequence = ledger.choose(session, tokens)
    return None if sequence is None else ledger.claim(sequence, session, tokens)


def write(ledger: Ledger, session: str, tokens: list[int]) -> Claim:
    claim = claim_of(ledger, session, tokens)
    assert claim is not None
    ledger.append(claim.sequence, tokens[claim.keep :])
    ledger.release(claim.sequence)
    return claim


def test_a_session_comes_back_to_its_sequence():
    ledger = Ledger(3)
    write(ledger, "a", [1, 2, 3])
    write(ledger, "b", [1, 2, 4])

    assert ledger.reusable("b", [1, 2, 4, 5]) == 3
    assert claim_of(ledger, "b", [1, 2, 4, 5]) == Claim(1, 3)
    assert ledger.tokens(1) == [1, 2, 4]


def test_the_last_token_of_a_prompt_is_always_computed():
    ledger = Ledger(1)
    write(ledger, "a", [1, 2, 3])

    assert claim_of(ledger, "a", [1, 2, 3]) == Claim(0, 2)


def test_an_empty_sequence_is_taken_before_anothers():
    ledger = Ledger(2)
    write(ledger, "a", [1, 2, 3])

    assert claim_of(ledger, "b", [1, 2, 3, 4]) == Claim(1, 0)


def test_the_least_recently_used_makes_room_and_leaves_what_is_common():
    ledger = Ledger(2)
    write(ledger, "a", [1, 2, 3])
    write(ledger, "b", [1, 2, 4])
    write(ledger, "a", [1, 2, 3, 3])

    assert claim_of(ledger, "c", [1, 2, 5, 6]) == Claim(1, 2)


def test_busy_sequences_are_nobody_elses():
    ledger = Ledger(1)
    claim_of(ledger, "a", [1])

    assert ledger.free == 0
    assert claim_of(ledger, "a", [1]) is None


def test_a_forgotten_session_leaves_nothing():
    ledger = Ledger(2)
    write(ledger, "a", [1, 2, 3])

    assert ledger.forget("a") == [0]
    assert ledger.tokens(0) == []
    assert ledger.reusable("a", [1, 2, 3, 4]) == 0
    assert ledger.forget("a") == []


prompts = st.lists(st.integers(0, 2), min_size=1, max_size=6)
operations = st.lists(
    st.tuples(st.sampled_from(["claim", "release", "forget"]), st.sampled_from("abcd"), prompts),
    max_size=60,
)


@given(operations)
def test_no_sequence_has_two_writers_and_tokens_are_what_was_written(
    happening: list[tuple[str, str, list[int]]],
):
    ledger = Ledger(2)
    writing: dict[int, list[int]] = {}
    held: dict[int, list[int]] = {0: [], 1: []}
    for what, session, prompt in happening:
        if what == "claim":
            claim = claim_of(ledger, session, prompt)
            assert (claim is None) == (len(writing) == 2)
            if claim is None:
                continue
            assert claim.sequence not in writing
            assert claim.keep < len(prompt)
            assert held[claim.sequence][: claim.keep] == prompt[: claim.keep]
            ledger.append(claim.sequence, prompt[claim.keep :])
            writing[claim.sequence] = held[claim.sequence] = list(prompt)
        elif what == "release" and writing:
            sequence, _ = writing.popitem()
            ledger.release(sequence)
        elif what == "forget":
            for sequence in ledger.forget(session):
                assert sequence not in writing
                held[sequence] = []
        assert ledger.free == 2 - len(writing)
        assert all(list(ledger.tokens(n)) == tokens for n, tokens in held.items())


HELLO = Recorded(" Hello world\n", (5, 6, 7), (6, 12, 13))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (" Hello world\n", (5, 6, 7)),
        ("Hello world", (5, 6, 7)),
        ("Hello", (5,)),
        ("Hel", None),
        ("Hello worlds", None),
        ("", None),
        ("Bye", None),
    ],
)
def test_an_answer_is_spelled_as_it_was_generated(text: str, tokens: tuple[int, ...] | None):
    assert HELLO.spelling(text) == tokens


def test_the_book_keeps_sessions_apart_and_forgets():
    book = AnswerBook()
    book.record("a", HELLO)

    assert book.spelling("a", "Hello world") == (5, 6, 7)
    assert book.spelling("b", "Hello world") is None
    book.forget("a")
    assert book.spelling("a", "Hello world") is None


def test_the_book_is_bounded():
    book = AnswerBook()
    for number in range(ANSWERS_A_SESSION + 1):
        book.record("a", Recorded(f"{number}.", (number,), (2,)))
    assert book.spelling("a", "0.") is None
    assert book.spelling("a", "1.") == (1,)

    for number in range(SESSIONS_WITH_ANSWERS):
        book.record(f"session {number}", HELLO)
    assert book.spelling("a", "1.") is None
