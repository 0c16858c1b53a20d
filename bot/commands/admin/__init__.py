"""`admin …`: for administrators only, each family in its module, all of them in one table."""

from bot.access import Role
from bot.commands.admin import keeping, looking, people, repeated, rooms, running, searching
from bot.commands.admin.base import Subcommand, Usage
from bot.commands.base import Command, Invocation

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
        return await call.reply(_usage(call, list(SUBCOMMANDS)))
    try:
        return await subcommand.run(call, rest.strip())
    except Usage:
        return await call.reply(_usage(call, [subcommand.name]))


def _usage(call: Invocation, names: list[str]) -> str:
    lines = [call.texts.admin_usage, ""]
    for name in names:
        arguments, purpose = call.texts.admin_commands[name]
        lines.append(f"- `{call.sign}admin {name} {arguments}`".replace(" `", "`") + f": {purpose}")
    return "\n".join(lines)


COMMANDS = (Command("admin", administer, Role.ADMIN),)
