"""`admin …`: for administrators only, each family in its module, all of them in one table."""

from bot.access import Role
from bot.commands.admin import keeping, looking, people, repeated, rooms, running, searching
from bot.commands.admin.base import Subcommand, Usage, code
from bot.commands.base import Command, Invocation

SHOWN_CHARS = 60
"""Of a command that does not fit, in what is said of it."""

SUBCOMMANDS: dict[str, Subcommand] = {
    each.name: each
    for each in (
        *people.SUBCOMMANDS,
        *rooms.SUBCOMMANDS,
        *repeated.SUBCOMMANDS,
        *keeping.SUBCOMMANDS,
        *running.SUBCOMMANDS,
        *looking.SUBCOMMANDS,
        *searching.SUBCOMMANDS,
    )
}


async def administer(call: Invocation) -> None:
    """Choose the subcommand by its first word; one that does not fit shows how it is used."""
    name, _, rest = call.arguments.partition(" ")
    subcommand = SUBCOMMANDS.get(name.lower())
    if subcommand is None:
        return await call.reply(_usage(call, _unknown(call, name), list(SUBCOMMANDS)))
    try:
        return await subcommand.run(call, rest.strip())
    except Usage as fault:
        told = str(fault) or call.texts.admin_misused.format(given=_given(call.arguments))
        return await call.reply(_usage(call, told, [subcommand.name]))


def _unknown(call: Invocation, name: str) -> str:
    """What stands above the list of all: for whom it is, and that a name is not in it."""
    if not name:
        return call.texts.admin_usage
    told = call.texts.admin_unknown.format(given=_given(name))
    return f"{told}\n\n{call.texts.admin_usage}"


def _given(text: str) -> str:
    """What was written, as far as it helps to see what is wrong with it."""
    shown = text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
    return code(f"admin {' '.join(shown.split())}")


def _usage(call: Invocation, told: str, names: list[str]) -> str:
    lines = [told, ""]
    for name in names:
        arguments, purpose = call.texts.admin_commands[name]
        usage = f"{call.sign}admin {name} {arguments}".strip()
        lines.append(f"- `{usage}`: {purpose}")
    return "\n".join(lines)


COMMANDS = (Command("admin", administer, Role.ADMIN),)
