"""Patterns of questions: tables of what fits, and how they hold for any text."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.pattern import Invalid, compiled, read


def match(pattern: str, text: str) -> dict[str, str] | None:
    return compiled(pattern).match(read(text))


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("opening hours", "Opening  hours?", {}),
        ("opening hours", "opening hours today", None),
        ("opening hours", "the opening hours", None),
        ("*opening hours*", "opening hours", {}),
        ("*opening hours*", "What are the OPENING HOURS on Monday?", {}),
        ("*hours*hours*", "hours", None),
        ("*hours*hours*", "hours and hours", {}),
        ("phone of {who}", "Phone of Anna Müller?", {"who": "Anna Müller"}),
        ("phone of {who}", "phone of", None),
        ("{who} is ill", "Bob is ill.", {"who": "Bob"}),
        ("from {a} to {b}", "From Rome to Bern!", {"a": "Rome", "b": "Bern"}),
        ("from {a} to {b}", "from to to to to", {"a": "to", "b": "to to"}),
        ("{a}x{b}", "xx", None),
        ("{a}x{b}", "xxx", {"a": "x", "b": "x"}),
        ("*ab", "abab", {}),
        ("ab*ab", "ab", None),
        ("wifi**", "wifi 5G", {}),
        ("straße {x}", "STRASSE ß1", {"x": "ß1"}),
        ("{x} straße", "ß STRASSE", {"x": "ß"}),
        ("密码是什么", "密码是什么？", {}),
        ("wi-fi", "ｗｉ－ｆｉ", {}),
        ("c++", "C++?", {}),
        ("a.b", "axb", None),
    ],
)
def test_what_fits(pattern: str, text: str, found: dict[str, str] | None) -> None:
    assert match(pattern, text) == found


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("*", "pattern_without_words"),
        ("{x}", "pattern_without_words"),
        ("* {x}", "pattern_without_words"),
        ("?!", "pattern_without_words"),
        ("{a}{b} is", "pattern_gaps"),
        ("is *{a}", "pattern_gaps"),
        ("from {a} to {a}", "pattern_twice"),
        ("hello {Name}", "pattern_braces"),
        ("hello {", "pattern_braces"),
        ("hello }", "pattern_braces"),
        ("hello {}", "pattern_braces"),
        ("hello {谁}", "pattern_braces"),
    ],
)
def test_what_is_no_pattern(pattern: str, reason: str) -> None:
    with pytest.raises(Invalid) as error:
        compiled(pattern)
    assert error.value.reason == reason
    assert error.value.values["pattern"] == pattern


LETTERS = st.text("ab ", max_size=12)
SOURCES = st.lists(st.sampled_from(["a", "b", "ab", " ", "*", "{x}", "{y}"]), max_size=7).map(
    "".join
)


@settings(deadline=None)
@given(SOURCES, LETTERS)
@example("*a*ab", "aab")
@example("a{x}a", "aa")
def test_it_fits_what_a_backtracking_expression_fits(source: str, text: str) -> None:
    try:
        pattern = compiled(source)
    except Invalid:
        return
    expression = re.escape(pattern.words[0])
    for gap, word in zip(pattern.gaps, pattern.words[1:], strict=True):
        expression += (".+?" if gap else ".*?") + re.escape(word)
    message = read(text)
    fits = re.fullmatch(expression, message.folded, re.DOTALL) is not None
    assert (pattern.match(message) is not None) == fits


@settings(deadline=None)
@given(st.lists(st.text("abc", min_size=1, max_size=4), min_size=2, max_size=5), st.text())
def test_it_finds_what_was_put_into_the_gap(words: list[str], thing: str) -> None:
    thing = read(f"x{thing}x").plain
    if ";" in thing:
        return
    found = match("{thing}; " + " ".join(words), f"{thing}; {' '.join(words).upper()}!")
    assert found == {"thing": thing}


@settings(deadline=None)
@given(st.text(), st.text())
def test_any_text_can_be_matched(source: str, text: str) -> None:
    try:
        pattern = compiled(source)
    except Invalid:
        return
    found = pattern.match(read(text))
    assert found is None or found.keys() == {gap for gap in pattern.gaps if gap}


def test_a_hostile_message_takes_no_longer_than_its_length() -> None:
    """Forty gaps would take a backtracking matcher longer than the universe has lasted."""
    pattern = compiled("*a" * 40 + "*b")
    assert pattern.match(read("a" * 16_000)) is None
