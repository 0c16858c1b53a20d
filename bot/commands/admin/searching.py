"""`admin search`: find what was said."""

from bot.access import Role
from bot.change import Change
from bot.commands.admin.base import Subcommand, Usage, code, entry
from bot.commands.base import Invocation
from bot.finding import explained, in_markdown, shown
from storage.query import QueryError, parse

MOST_SHOWN = 10


async def search(call: Invocation, rest: str) -> None:
    """The best turns; who only administers sees the rooms and their own conversations.

    Not in a room, where others would read along.
    """
    if not rest:
        raise Usage
    if not call.event.address.direct:
        return await call.reply(call.texts.search_directly)
    try:
        query = parse(rest)
        viewer = None if call.role is Role.OWNER else call.person
        found = await call.desk.search.find(query, MOST_SHOWN, viewer)
    except QueryError as error:
        return await call.reply(explained(error, call.texts))
    told = Change((call.desk.audit.adding(entry(call, found=len(found))),))
    if not found:
        return await call.reply(call.texts.found_nothing, told)
    lines = [call.texts.found.format(count=len(found)), ""]
    for each in shown(found, query):
        lines.append(f"- {code(each.head)}")
        lines += [f"  {in_markdown(*part)}" for part in (each.question, each.answer)]
    return await call.reply("\n".join(lines), told)


SUBCOMMANDS = (Subcommand("search", search),)
