"""`admin model | persona | pause | resume | drain`: how the bot runs."""

from bot.commands.admin.base import Subcommand, alone, code, entry
from bot.commands.base import Invocation
from bot.model import choose, model_names
from engine.base import EngineError


async def model(call: Invocation, name: str) -> None:
    """Say which model answers, or choose one for the next start."""
    settings = call.desk.settings
    status = await call.desk.engine.status()
    if not name:
        names = ", ".join(map(code, model_names(settings))) or "–"
        text = call.texts.model.format(model=code(status.model), state=status.state, names=names)
        return await call.reply(text)
    try:
        chosen = choose(settings, name)
    except EngineError as error:
        return await call.reply(str(error))
    await call.desk.audit.add(entry(call, chosen))
    return await call.reply(call.texts.model_chosen.format(model=code(chosen)))


async def persona(call: Invocation, text: str) -> None:
    """Show, set or take back the system prompt."""
    roster = call.desk.roster
    if text:
        value = None if text == "reset" else text
        await roster.set("persona", value, entry(call, chars=len(text)))
    shown = "\n".join(f"> {line}" for line in call.desk.answering.persona.split("\n"))
    await call.reply(f"{call.texts.persona}\n\n{shown}")


async def pause(call: Invocation) -> None:
    """Answer administrators only."""
    await call.desk.roster.set("paused", "yes", entry(call))
    await call.reply(call.texts.paused)


async def resume(call: Invocation) -> None:
    """Answer everybody again."""
    await call.desk.roster.set("paused", None, entry(call))
    await call.reply(call.texts.resumed)


async def drain(call: Invocation) -> None:
    """Finish what runs and end the program."""
    await call.desk.audit.add(entry(call))
    await call.reply(call.texts.draining)
    call.desk.stop()


SUBCOMMANDS = (
    Subcommand("model", model),
    Subcommand("persona", persona),
    alone("pause", pause),
    alone("resume", resume),
    alone("drain", drain),
)
