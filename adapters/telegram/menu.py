"""The list of commands that clients show after `/`, by scope and language (Bot API, setMyCommands).

A chat's own list replaces the general one, so an administrator's has everybody's commands too.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import structlog
from telegram import (
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BotCommandScopeDefault,
)

from adapters.base import Rejected
from adapters.capabilities import CommandHint, Menu
from adapters.telegram.calls import Calls
from adapters.telegram.errors import mapped

log = structlog.get_logger(__name__)

MAX_COMMANDS = 100
MAX_PURPOSE_CHARS = 256
_NAME = re.compile(r"[a-z0-9_]{1,32}")

Hints = Mapping[str, Sequence[CommandHint]]


class Board:
    """The lists that one bot shows, and whose chats have one of their own since it started."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._own: set[str] = set()

    async def offer(self, menu: Menu) -> None:
        """Show this menu from now on, everybody's in rooms and an administrator's only to them."""
        for scope in (
            BotCommandScopeDefault(),
            BotCommandScopeAllPrivateChats(),
            BotCommandScopeAllGroupChats(),
        ):
            await self._set(scope, menu.everyone)
        both = {
            language: (*hints, *menu.for_administrators.get(language, ()))
            for language, hints in menu.everyone.items()
        }
        for person in sorted(self._own - menu.administrators):
            await self._withdraw(person, menu.everyone)
        for person in sorted(menu.administrators):
            await self._give(person, both)

    async def _give(self, person: str, hints: Hints) -> None:
        try:
            scope = BotCommandScopeChat(int(person))
            self._own.add(person)
            await self._set(scope, hints)
        except (Rejected, ValueError) as error:  # never wrote to the bot, or blocked it
            self._own.discard(person)
            log.debug("an administrator has no menu", error=str(error))

    async def _withdraw(self, person: str, languages: Iterable[str]) -> None:
        """Somebody is no administrator any more: their chat shows everybody's list."""
        scope = BotCommandScopeChat(int(person))
        try:
            for language in (None, *map(_code, languages)):
                with mapped():
                    await self._calls.bot.delete_my_commands(scope, language)
        except Rejected as error:
            log.debug("a chat keeps its menu", error=str(error))
        self._own.discard(person)

    async def _set(self, scope: BotCommandScope, hints: Hints) -> None:
        for number, (language, listed) in enumerate(hints.items()):
            commands = _commands(listed)
            if number == 0:  # the first language is also that of everybody with another one
                await self._call(scope, commands, None)
            await self._call(scope, commands, _code(language))

    async def _call(
        self, scope: BotCommandScope, commands: Sequence[BotCommand], language: str | None
    ) -> None:
        with mapped():
            await self._calls.bot.set_my_commands(commands, scope=scope, language_code=language)


def _code(language: str) -> str:
    """ISO 639-1."""
    return language.partition("-")[0].lower()


def _commands(hints: Sequence[CommandHint]) -> list[BotCommand]:
    """The commands whose names Telegram allows, each once."""
    named = {hint.name: hint for hint in hints if _NAME.fullmatch(hint.name)}
    return [
        BotCommand(name, (hint.purpose or name)[:MAX_PURPOSE_CHARS])
        for name, hint in list(named.items())[:MAX_COMMANDS]
    ]
