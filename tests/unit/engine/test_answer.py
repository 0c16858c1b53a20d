"""Tokens become text: whole characters, stop strings across tokens, bounds."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.answer import Answer


def feed(answer: Answer, pieces: list[bytes]) -> list[str]:
    shown: list[str] = []
    for token, piece in enumerate(pieces):
        shown.append(answer.push(token, piece))
        if answer.finish:
            return shown
    return [*shown, answer.end("stop")]


def test_half_a_character_waits_for_its_other_half():
    smile = "😀".encode()

    assert feed(Answer((), 9), [b"a" + smile[:2], smile[2:]]) == ["a", "😀", ""]


def test_half_a_character_at_the_end_becomes_a_replacement():
    assert feed(Answer((), 9), ["😀".encode()[:2]]) == ["", "\ufffd"]


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        ([b"one ST", b"OP two"], ["one ", ""]),
        ([b"one ST", b"AY two"], ["one ", "STAY two", ""]),
        ([b"one S", b"T", b"OP"], ["one ", "", ""]),
        ([b"STOP"], [""]),
        ([b"one ST"], ["one ", "ST"]),
    ],
)
def test_stop_strings_are_found_across_tokens(pieces: list[bytes], shown: list[str]):
    assert feed(Answer(("STOP",), 9), pieces) == shown


def test_the_earliest_of_several_stop_strings_counts():
    answer = Answer(("b", "a"), 9)

    assert feed(answer, [b"xay b"]) == ["x"]
    assert answer.finish == "stop"


def test_max_tokens_ends_an_answer_and_shows_what_was_held_back():
    answer = Answer(("STOP",), 2)

    assert feed(answer, [b"a", b"ST"]) == ["a", "ST"]
    assert answer.finish == "length"
    assert answer.count == 2


def test_what_is_recorded_ends_where_the_text_was_cut():
    answer = Answer(("STOP",), 9)
    feed(answer, [b"one", b" two", b" STOP", b"x"])

    recorded = answer.recorded()

    assert recorded.text == "one two "
    assert list(recorded.tokens) == [0, 1]
    assert recorded.spelling("one two") == recorded.tokens


@given(st.text(), st.lists(st.integers(1, 4)), st.lists(st.text(min_size=1, max_size=3)))
def test_what_is_shown_is_the_text_up_to_the_first_stop(
    text: str, sizes: list[int], stops: list[str]
):
    data, pieces = text.encode("utf-8", "replace"), list[bytes]()
    for size in [*sizes, len(data)]:
        pieces.append(data[:size])
        data = data[size:]
    whole = text.encode("utf-8", "replace").decode()
    cuts = [at for stop in stops if (at := whole.find(stop)) >= 0]

    shown = "".join(feed(Answer(tuple(stops), 10_000), pieces))

    assert shown == whole[: min(cuts)] if cuts else shown == whole
