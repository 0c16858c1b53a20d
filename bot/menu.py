"""The commands as platforms show them: to everybody, and to administrators."""

from adapters.capabilities import CommandHint, Menu
from bot.texts import LANGUAGES, texts_for

ADMIN, PAIR = "admin", "pair"


def command_hints(language: str) -> list[CommandHint]:
    """The commands of somebody who is let in."""
    return [hint for hint in _hints(language) if hint.name not in (ADMIN, PAIR)]


def _everyones(language: str) -> list[CommandHint]:
    return [hint for hint in _hints(language) if hint.name != ADMIN]


def menu_for(administrators: frozenset[str]) -> Menu:
    """The menu in every language; `administrators` are ids on the platform that shows it."""
    return Menu(
        everyone={language: _everyones(language) for language in LANGUAGES},
        for_administrators={language: _hints(language) for language in LANGUAGES},
        administrators=administrators,
    )


def _hints(language: str) -> list[CommandHint]:
    commands = texts_for(language).commands
    return [CommandHint(name, *about) for name, about in commands.items()]
