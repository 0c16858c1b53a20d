"""Commands in chat: each family in its module, all of them in one registry."""

from bot.commands import about, admin, conversation, pairing, personal
from bot.commands.base import Command, Desk, Invocation

REGISTRY: dict[str, Command] = {
    command.name: command
    for command in (
        *about.COMMANDS,
        *conversation.COMMANDS,
        *personal.COMMANDS,
        *pairing.COMMANDS,
        *admin.COMMANDS,
    )
}

__all__ = ["REGISTRY", "Command", "Desk", "Invocation"]
