"""Every language says the same things, with the same values in them."""

import re
from dataclasses import asdict
from string import Formatter
from typing import Any

import pytest

from bot.commands import REGISTRY
from bot.texts import LANGUAGES, texts_for

OTHERS = sorted(LANGUAGES.keys() - {"en"})


@pytest.mark.parametrize("language", OTHERS)
def test_texts_have_the_placeholders_of_english(language: str) -> None:
    assert _placeholders(asdict(LANGUAGES[language])) == _placeholders(asdict(LANGUAGES["en"]))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty(language: str) -> None:
    assert [name for name, text in asdict(LANGUAGES[language]).items() if not text] == []


def test_english_does_not_speak_of_one_rooms() -> None:
    counted = re.compile(r"\{(count|messages|people|rows|days|answers)\} (people|\w+s)\b")
    texts = {name: text for name, text in asdict(LANGUAGES["en"]).items() if isinstance(text, str)}
    assert [name for name, text in texts.items() if counted.search(text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_has_help(language: str) -> None:
    commands = LANGUAGES[language].commands
    assert commands.keys() == {name for name, each in REGISTRY.items() if not each.hidden}
    assert [name for name, (_, purpose) in commands.items() if not purpose] == []


@pytest.mark.parametrize("language", OTHERS)
def test_commands_take_the_arguments_of_english(language: str) -> None:
    commands, english = LANGUAGES[language].commands, LANGUAGES["en"].commands
    assert {name: use[0] for name, use in commands.items()} == {
        name: use[0] for name, use in english.items()
    }


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("zh", "zh"),
        ("zh-Hans-CN", "zh"),
        ("zh_TW", "zh"),
        ("EN-us", "en"),
        ("fr", "en"),
        ("", "en"),
    ],
)
def test_language_of_a_tag(tag: str, language: str) -> None:
    assert texts_for(tag) is LANGUAGES[language]


def _placeholders(texts: dict[str, Any]) -> dict[str, set[str]]:
    """The fields of each template, with their formats."""
    return {
        name: {f"{field}:{spec}" for _, field, spec, _ in Formatter().parse(text) if field}
        for name, text in texts.items()
        if isinstance(text, str)
    }
