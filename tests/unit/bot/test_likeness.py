"""When two questions are the same."""

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.likeness import Made, key_of, names, normal, tidy

MADE = Made("sha", "prompt", "{}")


@pytest.mark.parametrize(
    "spelling",
    [
        "What is Parley?",
        "what  is\nparley",
        "WHAT IS PARLEY?!…",
        "ｗｈａｔ ｉｓ ｐａｒｌｅｙ？",
        "\u3000what is parley . ",
    ],
)
def test_spellings_of_one_question(spelling: str) -> None:
    assert normal(spelling) == "what is parley"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("C", "C#"),
        ("C", "C++"),
        ("1 + 1", "1 - 1"),
        ("resume", "résumé"),
        ("what is it", "what isit"),
        ("?why", "why"),
    ],
)
def test_different_questions(one: str, other: str) -> None:
    assert normal(one) != normal(other)


@pytest.mark.parametrize("text", ["", " ", "?", "...", "！？。", "\n"])
def test_no_question_at_all(text: str) -> None:
    assert normal(text) == ""


def test_a_text_full_of_punctuation_takes_no_time() -> None:
    text = "." * 400_000 + "x"
    assert normal(text) == text


@settings(deadline=None)
@given(st.text())
def test_what_is_normal_stays_so(text: str) -> None:
    assert normal(normal(text)) == normal(text)
    assert tidy(tidy(text)) == tidy(text)


@settings(deadline=None)
@given(st.text(), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]), st.sampled_from(["?", " !", ""]))
def test_form_and_end_make_no_difference(text: str, form: str, end: str) -> None:
    other = unicodedata.normalize(form, text)  # pyright: ignore[reportArgumentType]
    assert normal(f" {other}{end}") == normal(text)


def test_everything_that_makes_an_answer_is_in_its_key() -> None:
    keys = {
        key_of("What?", MADE, "en", ""),
        key_of("Why?", MADE, "en", ""),
        key_of("What?", MADE, "zh", ""),
        key_of("What?", MADE, "en", "1"),
        *(
            key_of("What?", replace(MADE, **{name: "other"}), "en", "")
            for name in ("model", "prompt_version", "sampling")
        ),
    }
    assert len(keys) == 7
    assert key_of(" WHAT ", MADE, "en", "") in keys


@pytest.mark.parametrize(
    ("answer", "author", "does"),
    [
        ("Hello Ann, it is open.", "Ann", True),
        ("Hello ANN!", "Ann Miller", True),
        ("An annual fee.", "Ann", False),
        ("It is open.", "Ann", False),
        ("你好王芳，请进。", "王芳", True),
        ("Hello.", "", False),
        ("Hello.", "?", False),
        ("A+ is it", "A+", True),
    ],
)
def test_an_answer_that_calls_its_author_by_name(answer: str, author: str, does: bool) -> None:
    assert names(answer, author) is does
