"""Standard answers: how they are written, what is refused, which one fits, what it says."""

from string import Formatter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.pattern import Invalid, read
from bot.standard import VARIABLES, checked, filled, fitting, written
from bot.texts import LANGUAGES
from storage.records import StandardAnswer

WIFI = StandardAnswer("wifi", ("*wifi*",), "It is on the wall.")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("wifi *wifi* => It is on the wall.", WIFI),
        ("wifi  *wifi*=>It is on the wall.\n", WIFI),
        (
            "wifi language=zh *wifi* | wlan |\n密码 => 在墙上。\n\n第二段",
            StandardAnswer("wifi", ("*wifi*", "wlan", "密码"), "在墙上。\n\n第二段", "zh"),
        ),
        ("a b => c => d", StandardAnswer("a", ("b",), "c => d")),
    ],
)
def test_the_form_of_the_command(text: str, answer: StandardAnswer) -> None:
    assert written(text) == answer


@pytest.mark.parametrize(
    "text", ["", "=>", "wifi", "wifi => x", "wifi | => x", "wifi a =>", "wifi language=de => x"]
)
def test_another_form(text: str) -> None:
    assert written(text) is None


INVALID = [
    (StandardAnswer("WiFi", ("a",), "x"), "standard_name"),
    (StandardAnswer("-", ("a",), "x"), "standard_name"),
    (StandardAnswer("a" * 41, ("a",), "x"), "standard_name"),
    (StandardAnswer("a", ("a",), "x", "English"), "standard_language"),
    (StandardAnswer("a", ("a",) * 21, "x"), "standard_patterns"),
    (StandardAnswer("a", ("a" * 201,), "x"), "pattern_long"),
    (StandardAnswer("a", ("a",), "x" * 4001), "standard_long"),
    (StandardAnswer("a", ("of {name}",), "x"), "standard_taken"),
    (StandardAnswer("a", ("of {who}",), "{whom}"), "standard_variable"),
    (StandardAnswer("a", ("of {who}", "who"), "{who}"), "standard_variable"),
    (StandardAnswer("a", ("*",), "x"), "pattern_without_words"),
    (StandardAnswer("a", ("of {who} {whom}", "{a}{b} c"), "x"), "pattern_gaps"),
    (StandardAnswer("a", ("of {a} and {a}",), "x"), "pattern_twice"),
    (StandardAnswer("a", ("of {",), "x"), "pattern_braces"),
]


@pytest.mark.parametrize(("answer", "reason"), INVALID)
def test_what_is_refused_and_why(answer: StandardAnswer, reason: str) -> None:
    with pytest.raises(Invalid) as error:
        checked(answer)
    assert error.value.reason == reason
    for texts in LANGUAGES.values():
        template: str = getattr(texts, reason)
        assert template.format(**error.value.values)
        fields = {field for _, field, _, _ in Formatter().parse(template) if field}
        assert fields <= error.value.values.keys()


def test_an_unknown_variable_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Invalid) as error:
        checked(StandardAnswer("a", ("of {b} in {c}", "from {c} to {d}"), "{date} {e}"))
    assert error.value.values == {
        "variable": "{e}",
        "known": "{name}, {room}, {date}, {bot}, {c}",
    }


def test_the_first_that_fits_is_one_for_the_language_and_then_by_name() -> None:
    answers = [
        StandardAnswer("b", ("hours",), "b"),
        StandardAnswer("a", ("hours",), "a"),
        StandardAnswer("c", ("hours", "open *"), "c", "zh"),
        StandardAnswer("0", ("hours",), "off", enabled=False),
    ]
    entries = [checked(answer) for answer in answers]

    def name(text: str, language: str) -> str | None:
        found = fitting(entries, read(text), language)
        return found.answer.name if found else None

    assert name("Hours?", "en") == "a"
    assert name("Hours?", "zh") == "c"
    assert name("open today", "zh") == "c"
    assert name("open today", "en") is None
    assert name("closed", "zh") is None


def test_what_people_wrote_is_no_markup_and_no_variable() -> None:
    values = {"name": "**x** {date}", "who": "[a](http://b)"}
    said = filled('Hi {name}: {who}. {"json": 1} {Other}', values)
    assert said == r'Hi \*\*x\*\* {date}: \[a\](http://b). {"json": 1} {Other}'


@settings(deadline=None)
@given(st.text(), st.text())
def test_a_template_without_variables_says_itself(template: str, value: str) -> None:
    values = dict.fromkeys(VARIABLES, value)
    try:
        checked(StandardAnswer("a", ("a",), template))
    except Invalid:
        return
    said = filled(template, values)
    assert said == template or any(f"{{{name}}}" in template for name in VARIABLES)
