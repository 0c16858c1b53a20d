"""`pair CODE`: how somebody is let in."""

from bot.access import Role
from bot.codes import TooManyCodes
from bot.commands.base import Command, Invocation


async def pair(call: Invocation) -> None:
    """Take a one-time code; it is good in a direct chat only."""
    if not call.event.address.direct:
        return await call.reply(call.texts.pair_directly)
    async with call.desk.roster.codes.turn:
        await _pair(call)
    return await call.desk.offer_menus()


async def _pair(call: Invocation) -> None:
    try:
        paired = await call.desk.roster.pair(call.person, call.arguments)
    except TooManyCodes:
        return await call.reply(call.texts.too_many_codes)
    if paired is None:
        counted = call.desk.roster.codes.refused(call.person, call.origin)
        return await call.reply(call.texts.wrong_code, counted)
    role, change = paired
    name = call.desk.settings.bot.name
    text = call.texts.paired.format(name=name, role=role.name.lower(), sign=call.sign)
    return await call.reply(text, change)


COMMANDS = (Command("pair", pair, Role.UNKNOWN),)
