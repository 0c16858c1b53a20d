"""What is a word, and where it stands: the index and the queries agree on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.words import MAX_WORD_CHARS, excerpt, fold, indexed, marks, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("Hello, World!", "hello world"),
        ("e-mail a_b v1.2", "e mail a b v1 2"),
        ("明天的会议", "明 天 的 会 议"),
        ("用Python写的", "用 python 写 的"),
        ("Café CAFE\u0301", "cafe cafe"),
        ("Straße ＡＢＣ １２", "strasse abc 12"),
        ("ガギ 한국", "カ キ 한 국"),
        ("हिन्दी ไทย", "हिन्दी ไทย"),
        ("a\x00b 'c\" AND NOT *", "a b c and not"),
        ("x" * 100, "x" * MAX_WORD_CHARS),
        ("👍", ""),
    ],
)
def test_the_words_of_a_text(text: str, expected: str) -> None:
    assert indexed(text) == expected


@given(st.text())
def test_words_hold_nothing_that_parts_them(text: str) -> None:
    for word in words(text):
        assert word.folded
        assert not set(word.folded) & set(" \t\n\r\"'*()")
        assert fold(text[word.start : word.end]).startswith(word.folded)


@given(st.text())
def test_an_indexed_text_is_indexed_as_it_is(text: str) -> None:
    assert [word.folded for word in words(indexed(indexed(text)))] == indexed(indexed(text)).split()


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=60))
def test_a_term_is_found_between_other_words(before: str, term: str, after: str) -> None:
    wanted = [word.folded for word in words(term)]
    text = f"{before} {term} {after}"
    if wanted:
        assert marks(text, [wanted])


@pytest.mark.parametrize(
    ("text", "terms", "expected"),
    [
        ("The Budget and the budgets", [("budget",)], ["Budget"]),
        ("明天开会议论会议", [("会", "议")], ["会议", "会议"]),
        ("a b c", [("a",), ("a", "b")], ["a b"]),
        ("a b", [()], []),
    ],
)
def test_marks(text: str, terms: list[tuple[str, ...]], expected: list[str]) -> None:
    assert [text[start:end] for start, end in marks(text, terms)] == expected


@given(st.text(), st.integers(10, 200))
def test_an_excerpt_is_short_and_its_matches_are_in_it(text: str, max_chars: int) -> None:
    terms = [(word.folded,) for word in words(text)[-1:]]
    shown, spans = excerpt(text, terms, max_chars)
    assert len(shown) <= max_chars + 2
    assert "\n" not in shown
    for start, end in spans:
        assert 0 <= start < end <= len(shown)


def test_an_excerpt_shows_the_surroundings_of_the_match() -> None:
    shown, [(start, end)] = excerpt("far " * 99 + "needle" + " away" * 99, [("needle",)], 60)
    assert (shown[0], shown[-1], shown[start:end]) == ("…", "…", "needle")
