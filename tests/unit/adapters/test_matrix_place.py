"""The Matrix cursor: the server's token with what waits for its key."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.matrix.place import Place, parse

IDS = st.tuples(st.text(), st.text())
TOKENS = st.text(st.characters(exclude_characters="\n"))


@given(TOKENS, st.lists(IDS))
def test_a_place_comes_back_from_its_cursor(since: str, waiting: list[tuple[str, str]]) -> None:
    assert parse(Place(since, tuple(waiting)).cursor()) == Place(since, tuple(waiting))


def test_a_cursor_of_before_is_a_place_where_nothing_waits() -> None:
    assert parse("s72594_4483_1934") == Place("s72594_4483_1934")
