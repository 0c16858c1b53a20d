"""`pair CODE`: how somebody is let in."""

from bot.access import Role
from bot.commands.base import Command, Invocation
from bot.roster import TooManyCodes
from storage.records import AuditEntry


async def pair(call: Invocation) -> None:
    """Take a one-time code; it is good in a direct chat only."""
    if not call.event.address.direct:
        return await call.reply(call.texts.pair_directly)
    try:
        role = await call.desk.roster.pair(call.person, call.arguments)
    except TooManyCodes:
        return await call.reply(call.texts.too_many_codes)
    if role is None:
        wrong = AuditEntry(call.person, "pair", outcome="denied", origin=call.origin)
        await call.desk.audit.add(wrong)
        return await call.reply(call.texts.wrong_code)
    name = call.desk.settings.bot.name
    await call.reply(call.texts.paired.format(name=name, role=role.name.lower()))
    return await call.desk.offer_menus()


COMMANDS = (Command("pair", pair, Role.UNKNOWN),)
