"""`admin …`: for administrators only."""

from bot.access import Role
from bot.commands.base import Command, Invocation


async def administer(call: Invocation) -> None:
    """Choose the administrators' command by its first word."""
    words = call.arguments.split()
    if words == ["dead"]:
        await _list_dead(call)
    elif len(words) == 3 and words[:2] == ["dead", "retry"]:
        await _retry_dead(call, words[2])
    else:
        await call.reply(call.texts.admin_usage)


async def _list_dead(call: Invocation) -> None:
    letters = await call.desk.memory.outbox.dead_letters()
    if not letters:
        return await call.reply(call.texts.no_dead_letters)
    lines = [call.texts.dead_letters.format(count=len(letters)), ""]
    lines += [
        call.texts.dead_letter.format(
            key=f"{part.answer}.{part.index}",
            platform=part.to.platform,
            person=part.to.person,
            error=part.error,
        )
        for part in letters
    ]
    return await call.reply("\n".join(lines))


async def _retry_dead(call: Invocation, key: str) -> None:
    outbox = call.desk.memory.outbox
    dead = [part for part in await outbox.dead_letters() if f"{part.answer}.{part.index}" == key]
    if not dead:
        return await call.reply(call.texts.dead_unknown.format(key=key))
    await outbox.revive(dead[0].answer, dead[0].index)
    call.desk.delivery.deliver(dead, unsure=True)
    return await call.reply(call.texts.dead_retried.format(key=key))


COMMANDS = (Command("admin", administer, Role.ADMIN),)
