"""Who may begin a prompt with whose tokens."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.owner import Owner
from engine.prefix import common_prefix

HELD = [1, 2, 3, 4, 5, 6]
ADA = Owner("ada's chat", "ada", 3)


@pytest.mark.parametrize(
    ("session", "person", "prompt", "lent"),
    [
        ("ada's chat", "ada", [1, 2, 3, 4, 5, 9], 5),
        ("ada's chat", "bob", [1, 2, 3, 4, 5, 9], 5),
        ("another", "ada", [1, 2, 3, 4, 5, 9], 5),
        ("another", "bob", [1, 2, 3, 4, 5, 9], 3),
        ("another", "bob", [1, 2, 3, 9], 3),
        ("another", "bob", [1, 2, 9], 0),
        ("another", "ada", [1, 2, 9], 2),
        ("another", "bob", [9], 0),
    ],
)
def test_a_person_is_lent_ones_own_and_a_stranger_a_whole_system_prompt(
    session: str, person: str, prompt: list[int], lent: int
) -> None:
    assert ADA.lends(Owner(session, person, 0), HELD, prompt) == lent


def test_a_system_prompt_that_is_not_all_there_is_lent_to_no_stranger() -> None:
    assert ADA.lends(Owner("another", "bob", 3), HELD[:2], HELD) == 0


def test_what_was_shifted_stays_in_its_session() -> None:
    moved = ADA.after_cutting(4)

    assert moved.lends(ADA, HELD, HELD) == 6
    assert moved.lends(Owner("another", "ada", 3), HELD, HELD) == 4
    assert ADA.succeeding(moved.after_keeping(5)).exact == 4
    assert ADA.succeeding(moved.after_keeping(4)) == ADA


def test_shifts_are_counted_until_nothing_that_was_shifted_is_left() -> None:
    twice = ADA.after_cutting(4).after_cutting(5)

    assert (twice.exact, twice.shifts) == (4, 2)
    assert ADA.after_cutting(5).after_cutting(4).exact == 4
    assert ADA.succeeding(twice.after_keeping(5)).shifts == 2
    assert ADA.succeeding(twice.after_keeping(4)).shifts == 0


def test_a_system_prompt_with_a_shifted_part_is_lent_to_no_stranger() -> None:
    assert ADA.after_cutting(2).lends(Owner("another", "bob", 3), HELD, HELD) == 0


def test_a_system_prompt_that_was_cut_into_lends_nothing_but_to_who_begins_anew() -> None:
    stranger, cut = Owner("another", "bob", 3), ADA.after_cutting(2).after_keeping(1)

    assert ADA.after_keeping(2).lends(stranger, HELD, HELD) == 0
    assert cut.lends(stranger, HELD, HELD) == 0
    assert ADA.succeeding(cut).lends(stranger, HELD[:2], HELD) == 0
    assert ADA.succeeding(cut).lends(stranger, HELD, HELD) == 3


tokens = st.lists(st.integers(0, 2), max_size=12)
lengths = st.integers(0, 12)
names = st.sampled_from(["a", "b"])
owners = st.builds(Owner, names, names, lengths, lengths, st.integers(0, 3))


@given(owners, owners, tokens, tokens)
def test_never_more_than_both_begin_with_nor_than_the_rule_allows(
    owner: Owner, to: Owner, held: list[int], prompt: list[int]
) -> None:
    lent = owner.lends(to, held, prompt)

    assert lent <= common_prefix(held, prompt)
    if owner.session != to.session:
        assert lent <= owner.exact or owner.person != to.person
        assert lent in (0, owner.shared) or owner.person == to.person
