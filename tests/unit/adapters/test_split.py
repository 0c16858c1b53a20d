"""Long texts in parts: within the limit, nothing lost, fences whole."""

import re
from typing import Literal, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import Dialect, Limits
from adapters.markup import render
from adapters.split import split, units
from tests.unit.adapters.markdown_texts import MARKDOWN, seen_words

Unit = Literal["chars", "utf16", "bytes"]


def limits(max_chars: int, unit: Unit = "chars", dialect: Dialect = "markdown") -> Limits:
    return Limits(max_chars, dialect, unit)


@pytest.mark.parametrize(
    ("text", "max_chars", "parts"),
    [
        ("", 10, [""]),
        ("short", 10, ["short"]),
        ("one two three", 8, ["one two ", "three"]),
        ("one\n\ntwo\n\nthree", 9, ["one\n\ntwo", "three"]),
        ("one\ntwo\nthree", 9, ["one\ntwo", "three"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
    ],
)
def test_parts_end_where_the_text_pauses(text: str, max_chars: int, parts: list[str]) -> None:
    assert split(text, limits(max_chars)) == parts


def test_a_fence_is_closed_and_opened_again() -> None:
    code = "\n".join(f"line {number}" for number in range(6))
    parts = split(f"```py\n{code}\n```", limits(32))
    assert len(parts) > 1
    assert all(part.startswith("```py\n") and part.endswith("\n```") for part in parts)
    assert "".join(part[6:-4] + "\n" for part in parts) == code + "\n"


def test_a_longer_fence_is_not_closed_by_a_shorter() -> None:
    text = "````md\n```py\nx\n```\n" + "y\n" * 20 + "````"
    for part in split(text, limits(30)):
        assert part.startswith("````md")
        assert part.endswith("\n````")


def test_utf16_counts_astral_characters_twice() -> None:
    text = "😀" * 4096
    parts = split(text, limits(4096, "utf16"))
    assert "".join(parts) == text
    assert all(len(part.encode("utf-16-le")) // 2 <= 4096 for part in parts)


@pytest.mark.parametrize(
    "cluster", ["👩\u200d👩\u200d👧", "e\u0301", "👍🏽", "🇨🇭", "நி", "❤\ufe0f"]
)
def test_what_is_seen_as_one_character_stays_whole(cluster: str) -> None:
    parts = split(cluster * 40, limits(50))
    assert len(parts) > 1
    assert all(part.replace(cluster, "") == "" for part in parts)


def test_the_rendered_length_counts() -> None:
    text = "<" * 90  # four characters each in HTML
    parts = split(text, limits(100, dialect="html"))
    assert "".join(parts) == text
    assert all(len(render(part, "html").text) <= 100 for part in parts)


def test_a_repeated_link_counts_with_its_target() -> None:
    text = "[a]: http://x.y/" + "z" * 100 + "\n\n" + "[a] " * 50
    assert len(split(text, limits(4_000, dialect="html"))) > 1


def test_a_text_of_one_line_is_split_in_linear_time() -> None:
    text = "x" * 400_000
    assert "".join(split(text, limits(4096, "utf16"))) == text


def test_a_fence_in_a_list_goes_on_outside_of_it() -> None:
    code = "".join(f"   x = {number}\n     y\n" for number in range(8))
    first, second = split(f"1. one\n   ```py\n{code}   ```\n2. two", limits(90))
    assert first.endswith("x = 3\n     y\n   ```")
    assert second.startswith("```py\nx = 4\n  y\n")
    assert second.endswith("  y\n```\n2. two")


def test_a_fence_in_quotes_goes_on_in_quotes() -> None:
    code = "".join(f"> > x = {number}\n" for number in range(12))
    parts = split(f"> > ```py\n{code}> > ```", limits(80))
    assert len(parts) > 1
    assert all(part.startswith("> > ```py\n") and part.endswith("\n> > ```") for part in parts)


def test_the_head_of_a_table_is_repeated() -> None:
    rows = [f"| {number} | b |" for number in range(20)]
    parts = split("\n".join(["| a | b |", "|--|--|", *rows]), limits(80))
    assert len(parts) > 1
    assert all(part.startswith("| a | b |\n|--|--|\n| ") for part in parts)
    assert [line for part in parts for line in part.split("\n")[2:]] == rows


@given(MARKDOWN, st.sampled_from(["telegram", "slack", "matrix"]))
@settings(max_examples=60, deadline=None)
def test_no_letter_of_any_markdown_is_lost(markdown: str, dialect: Dialect) -> None:
    # What shows or hides letters by its place is left out: entities, fences and references.
    text = 2 * re.sub(r"[`~&]|\[x\]", "", markdown)
    parts = split(text, limits(200, dialect=dialect))
    rest = iter("".join(map(letters, parts)))
    assert all(letter in rest for letter in letters(text))


def letters(markdown: str) -> str:
    text = "".join(seen_words(render(markdown, "plain").text))
    return "".join(letter for letter in text if letter.isalpha())


TEXTS = st.lists(
    st.sampled_from([*"ab .\n\n<&*", "😀", "é", "👩‍👧", "```\n", "~~~py\n", "word "])
).map("".join)


@given(TEXTS, st.integers(40, 200), st.sampled_from(get_args(Unit)))
def test_nothing_is_lost_and_everything_fits(text: str, max_chars: int, unit: Unit) -> None:
    allowed = limits(max_chars, unit)
    parts = split(text, allowed)
    assert "".join(map(words, parts)) == words(text)
    if len(parts) > 1:
        assert all(units(part, allowed) <= max_chars for part in parts)
        assert all(is_balanced(part) for part in parts)


@given(TEXTS, st.integers(120, 400), st.sampled_from(get_args(Dialect)))
def test_rendered_parts_fit(text: str, max_chars: int, dialect: Dialect) -> None:
    allowed = limits(max_chars, "utf16", dialect)
    for part in split(text, allowed):
        assert units(render(part, dialect).text, allowed) <= max_chars


def words(text: str) -> str:
    """A text without the whitespace and fences that splitting may add."""
    return "".join(re.sub(r"(?m)^ {0,3}(`{3,}|~{3,}).*$", "", text).split())


def is_balanced(part: str) -> bool:
    fence = ""
    for line in part.split("\n"):
        match = re.fullmatch(r" {0,3}(`{3,}(?!.*`)|~{3,})(.*)", line)
        if match and not fence:
            fence = match[1]
        elif match and match[1].startswith(fence) and not match[2].strip():
            fence = ""
    return not fence
