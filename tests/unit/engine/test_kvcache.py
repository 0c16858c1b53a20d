"""Which sequence an answer gets, what stays in it, and how past answers are spelled."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.kvcache import (
    ANSWERS_A_SESSION,
    RECORD_BYTES,
    AnswerBook,
    Claim,
    Ledger,
    Recorded,
)
from engine.owner import Owner


def owner(session: str, shared: int = 0) -> Owner:
    """A session of a person of its own."""
    return Owner(session, session, shared)


def claim_of(ledger: Ledger, session: str, tokens: list[int], shared: int = 0) -> Claim | None:
    sequence = ledger.choose(owner(session), tokens)
    if sequence is None:
        return None
    return ledger.claim(sequence, owner(session, shared), tokens)


def write(ledger: Ledger, session: str, tokens: list[int], shared: int = 0) -> Claim:
    claim = claim_of(ledger, session, tokens, shared)
    assert claim is not None
    ledger.append(claim.sequence, tokens[claim.keep :])
    ledger.release(claim.sequence)
    return claim


def test_a_session_comes_back_to_its_sequence():
    ledger = Ledger(3)
    write(ledger, "a", [1, 2, 3])
    write(ledger, "b", [1, 2, 4])

    assert ledger.lender(owner("b"), [1, 2, 4, 5]) == 1
    assert ledger.keep(1, owner("b"), [1, 2, 4, 5]) == 3
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


def test_the_least_recently_used_makes_room_and_leaves_its_system_prompt():
    ledger = Ledger(2)
    write(ledger, "a", [1, 2, 3], shared=1)
    write(ledger, "b", [1, 2, 4], shared=1)
    write(ledger, "a", [1, 2, 3, 3], shared=1)

    assert claim_of(ledger, "c", [1, 2, 4, 6]) == Claim(1, 1)


def test_idle_sequences_are_told_by_what_they_hold():
    ledger = Ledger(4)
    for session, tokens in (("a", [1, 2, 3]), ("b", [1]), ("c", [1, 2])):
        write(ledger, session, tokens)
    claim_of(ledger, "b", [1, 2, 3, 4])

    assert ledger.busy == [1]
    assert ledger.idle == [3, 2, 0]


def test_what_changes_places_stays_somebody_s():
    ledger = Ledger(3)
    write(ledger, "a", [1, 2, 3])
    write(ledger, "b", [4, 5, 6])
    claim_of(ledger, "a", [1, 2, 3, 4])
    ledger.exchange(0, 1)

    assert (ledger.busy, list(ledger.tokens(1))) == ([1], [1, 2, 3])
    ledger.release(1)
    assert claim_of(ledger, "a", [1, 2, 3, 4]) == Claim(1, 3)
    assert claim_of(ledger, "b", [4, 5, 6, 7]) == Claim(0, 3)


def test_a_busy_sequence_lends():
    ledger = Ledger(2)
    claim_of(ledger, "a", [1, 2, 3], shared=2)
    ledger.append(0, [1, 2, 3])
    prompt = [1, 2, 3, 4]

    assert ledger.lender(owner("b"), prompt) == 0
    assert ledger.keep(0, owner("b"), prompt) == 2
    assert ledger.keep(0, Owner("another", "a", 0), prompt) == 3


def test_who_cannot_cut_lends_to_nobody_else():
    ledger = Ledger(1, lends=False)
    write(ledger, "a", [1, 2, 3], shared=2)

    assert ledger.keep(0, owner("a"), [1, 2, 3, 4]) == 3
    assert ledger.keep(0, Owner("another", "a", 0), [1, 2, 3, 4]) == 0
    ledger.claim(0, owner("a"), [1, 2, 3, 4])
    assert ledger.keep(0, owner("a"), [1, 2, 3, 4]) == 0


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
    assert ledger.keep(0, owner("a"), [1, 2, 3, 4]) == 0
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


@given(
    st.lists(
        st.one_of(
            st.tuples(st.integers(0, 5), st.integers(1, 40)),
            st.tuples(st.integers(0, 5), st.none()),
        ),
        max_size=60,
    )
)
def test_the_book_keeps_to_its_budget_and_drops_the_longest_unused(
    happening: list[tuple[int, int | None]],
):
    budget = 4 * RECORD_BYTES
    book, latest = AnswerBook(budget), list[tuple[str, int]]()
    for session, length in happening:
        name = str(session)
        if length is None:
            book.forget(name)
            latest = [each for each in latest if each[0] != name]
            assert book.spelling(name, "x") is None
        else:
            book.record(name, Recorded("x" * length, [7] * length, range(1, length + 1)))
            latest.append((name, length))
            assert book.spelling(name, "x" * length) == [7] * length
        assert 0 <= book.size_bytes <= budget
    for name in {name for name, _ in latest}:
        book.forget(name)
    assert book.size_bytes == 0


def test_an_answer_larger_than_the_book_is_not_kept():
    book = AnswerBook(RECORD_BYTES)
    book.record("a", HELLO)

    assert book.spelling("a", "Hello world") is None
    assert book.size_bytes == 0
