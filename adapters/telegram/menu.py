"""The list of commands that clients show after `/`, by scope and language (Bot API, setMyCommands).

A chat's own list replaces the general one, so an administrator's has everybody's commands too.
"""

import re
from collections.abc import Mapping, Sequence

import structlog
from telegram import (
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BotCommandScopeDefault,
)

from adapters.base import CommandHint, Menu, Rejected
from adapters.telegram.calls import Calls
from adapters.telegram.errors import mapped

log = structlog.get_logger(__name__)

MAX_COMMANDS = 100
MAX_PURPOSE_CHARS = 256
_NAME = re.compile(r"[a-z0-9_]{1,32}")

Hints = Mapping[str, Sequence[CommandHint]]


async def offer(calls: Calls, menu: Menu) -> None:
    """Show this menu from now on, everybody's in rooms and an administrator's only to them."""
    for scope in (
        BotCommandScopeDefault(),
        BotCommandScopeAllPrivateChats(),
        BotCommandScopeAllGroupChats(),
    ):
        await _set(calls, scope, menu.everyone)
    both = {
        language: (*hints, *menu.for_administrators.get(language, ()))
        for language, hints in menu.everyone.items()
    }
    for person in sorted(menu.administrators):
        try:
            await _set(calls, BotCommandScopeChat(int(person)), both)
        except (Rejected, ValueError) as error:  # never wrote to the bot, or blocked it
            log.debug("an administrator has no menu", error=str(error))


async def _set(calls: Calls, scope: BotCommandScope, hints: Hints) -> None:
    for number, (language, listed) in enumerate(hints.items()):
        commands = _commands(listed)
        if number == 0:  # the first language is also that of everybody with another one
            await _call(calls, scope, commands, None)
        await _call(calls, scope, commands, language)


async def _call(
    calls: Calls, scope: BotCommandScope, commands: Sequence[BotCommand], language: str | None
) -> None:
    code = language.partition("-")[0].lower() if language else None  # ISO 639-1
    with mapped():
        await calls.bot.set_my_commands(commands, scope=scope, language_code=code)


def _commands(hints: Sequence[CommandHint]) -> list[BotCommand]:
    """The commands whose names Telegram allows, each once."""
    named = {hint.name: hint for hint in hints if _NAME.fullmatch(hint.name)}
    return [
        BotCommand(name, (hint.purpose or name)[:MAX_PURPOSE_CHARS])
        for name, hint in list(named.items())[:MAX_COMMANDS]
    ]
