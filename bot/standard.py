"""PURE. Standard answers: how one is written in a command, which fits a question, what it says."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.pattern import PLACEHOLDER, Invalid, Message, Pattern, compiled
from storage.records import StandardAnswer

VARIABLES: tuple[str, ...] = ("name", "room", "date", "bot")
"""What every template may use: who asks, where, the day, and what the bot is called."""

MAX_PATTERNS = 20
MAX_PATTERN_CHARS = 200
MAX_TEMPLATE_CHARS = 4_000

LANGUAGE = "language="
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_MARKUP = re.compile(r"([\\`*_\[\]<>~|])")


@dataclass(frozen=True, slots=True)
class Entry:
    """A standard answer, ready to be matched."""

    answer: StandardAnswer
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The answer that fits a question, and what its pattern captured."""

    answer: StandardAnswer
    captured: Mapping[str, str]


def written(text: str) -> StandardAnswer | None:
    """The answer of `NAME [language=xx] PATTERN | PATTERN => TEMPLATE`; None for another form."""
    head, arrow, template = text.partition("=>")
    name, *rest = head.split(maxsplit=1) or [""]
    language, patterns = "", "".join(rest)
    if patterns.startswith(LANGUAGE):
        language, _, patterns = patterns.removeprefix(LANGUAGE).partition(" ")
    sources = tuple(source.strip() for source in patterns.split("|") if source.strip())
    if not (arrow and sources and template.strip()):
        return None
    return StandardAnswer(name, sources, template.strip(), language)


def checked(answer: StandardAnswer) -> Entry:
    """The answer, ready to be matched. Raises `Invalid`."""
    if not _NAME.fullmatch(answer.name):
        raise Invalid("standard_name", name=answer.name)
    if answer.language and not _LANGUAGE.fullmatch(answer.language):
        raise Invalid("standard_language", language=answer.language)
    longest = max(map(len, answer.patterns), default=0)
    for found, most, what in (
        (len(answer.patterns), MAX_PATTERNS, "standard_patterns"),
        (longest, MAX_PATTERN_CHARS, "pattern_long"),
        (len(answer.template), MAX_TEMPLATE_CHARS, "standard_long"),
    ):
        if not 0 < found <= most:
            raise Invalid(what, found=found, limit=most)
    patterns = tuple(map(compiled, answer.patterns))
    _check_variables(answer.template, patterns)
    return Entry(answer, patterns)


def _check_variables(template: str, patterns: tuple[Pattern, ...]) -> None:
    """A template uses what it can have whichever pattern fits."""
    captured = [{gap for gap in pattern.gaps if gap} for pattern in patterns]
    taken = set(VARIABLES).intersection(set[str]().union(*captured))
    if taken:
        raise Invalid("standard_taken", variable=f"{{{min(taken)}}}")
    known = [*VARIABLES, *sorted(captured[0].intersection(*captured))]
    unknown = set(PLACEHOLDER.findall(template)).difference(known)
    if unknown:
        listed = ", ".join(f"{{{each}}}" for each in known)
        raise Invalid("standard_variable", variable=f"{{{min(unknown)}}}", known=listed)


def fitting(entries: Iterable[Entry], message: Message, language: str) -> Found | None:
    """The enabled answer that fits: one for the language before one for everybody, then by name."""
    eligible = (
        entry
        for entry in entries
        if entry.answer.enabled and entry.answer.language in ("", language)
    )
    for entry in sorted(eligible, key=lambda each: (not each.answer.language, each.answer.name)):
        for pattern in entry.patterns:
            captured = pattern.match(message)
            if captured is not None:
                return Found(entry.answer, captured)
    return None


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template's text. What people wrote is no markup in it."""
    return PLACEHOLDER.sub(lambda found: _MARKUP.sub(r"\\\1", values[found[1]]), template)
