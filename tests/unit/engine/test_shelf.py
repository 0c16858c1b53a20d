"""What is kept of conversations outside the cache, and what makes room."""

import hypothesis.strategies as st
from hypothesis import given

from engine.owner import Owner
from engine.shelf import SHARED, Parked, Shelf


def owner(session: str, shared: int = 0) -> Owner:
    """A session of a person of its own."""
    return Owner(session, session, shared)


def parked(session: str, tokens: list[int], state_bytes: int = 100) -> Parked:
    return Parked(
        owner(session, len(tokens) if session == SHARED else 0), tuple(tokens), b"x" * state_bytes
    )


def test_a_session_finds_its_own_and_the_shared_beginning():
    shelf = Shelf(10_000)
    shelf.put(parked(SHARED, [1, 2]))
    shelf.put(parked("a", [1, 2, 3, 4]))

    own, shared = shelf.best(owner("a"), [1, 2, 3, 5]), shelf.best(owner("b"), [1, 2, 3, 5])
    assert own
    assert own.session == "a"
    assert shared
    assert shared.session == SHARED
    assert shelf.best(owner("b"), [9]) is None


def test_a_session_has_one_state():
    shelf = Shelf(10_000)
    shelf.put(parked("a", [1]))
    shelf.put(parked("a", [1, 2]))

    assert len(shelf) == 1
    assert shelf.size_bytes == parked("a", [1, 2]).size_bytes


def test_the_longest_unused_makes_room():
    shelf = Shelf(350)
    for session, token in (("a", 1), ("b", 2), ("c", 3)):
        shelf.put(parked(session, [token]))
    assert shelf.best(owner("a"), [1])
    shelf.put(parked("d", [4]))

    assert [
        session for session in "abcd" if shelf.best(owner(session), [1 + "abcd".index(session)])
    ] == [
        "a",
        "c",
        "d",
    ]


def test_what_is_over_the_budget_is_not_kept():
    shelf = Shelf(50)
    shelf.put(parked("a", [1]))
    assert len(shelf) == shelf.size_bytes == 0


def test_a_forgotten_session_leaves_nothing():
    shelf = Shelf(1_000)
    shelf.put(parked("a", [1]))
    shelf.put(parked(SHARED, [1]))
    shelf.forget("a")

    assert shelf.best(owner("a"), [1]) == parked(SHARED, [1])


@given(
    st.lists(
        st.tuples(
            st.sampled_from([SHARED, "a", "b", "c"]),
            st.lists(st.integers(0, 1), min_size=1, max_size=4),
            st.integers(0, 200),
        )
    )
)
def test_the_budget_holds_and_the_sum_is_right(puts: list[tuple[str, list[int], int]]):
    shelf = Shelf(400)
    for session, tokens, size in puts:
        shelf.put(parked(session, tokens, size))
        found = shelf.best(owner(session), tokens)
        assert shelf.size_bytes <= 400
        assert found is None or found.session in (SHARED, session)
    for session in (SHARED, "a", "b", "c"):
        shelf.forget(session)
    assert len(shelf) == shelf.size_bytes == 0
