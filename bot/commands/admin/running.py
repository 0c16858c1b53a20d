"""`admin model | persona | pause | resume | drain`: how the bot runs."""

from bot.change import Change
from bot.codec import answer_key
from bot.commands.admin.base import Subcommand, Usage, alone, code, entry, noted
from bot.commands.base import Invocation
from bot.model import Choice, choose, model_names
from engine.base import EngineError, NoRoom, Swaps


async def model(call: Invocation, rest: str) -> None:
    """Say which model answers, or let another one answer."""
    if not rest:
        return await _tell_model(call)
    name, _, word = rest.partition(" ")
    if word not in ("", "pause"):
        raise Usage
    try:
        choice = await _choose(call, name, pause=bool(word))
    except NoRoom as error:
        hint = call.texts.model_needs_pause.format(name=name, sign=call.sign)
        return await call.reply(f"{error}\n\n{hint}" if error.pause_helps else str(error))
    except EngineError as error:
        return await call.reply(str(error))
    text = call.texts.model_answers if choice.now else call.texts.model_chosen
    lines = [text.format(model=code(choice.model))]
    if choice.then:
        lines.append(call.texts.model_until_restart.format(model=code(choice.then)))
    return await call.reply("\n\n".join(lines), noted(call, choice.model))


async def _choose(call: Invocation, name: str, *, pause: bool) -> Choice:
    """Let a model answer, and say meanwhile how far that is: it may take minutes."""
    desk, texts = call.desk, call.texts
    sink = desk.answering.sinks(call.event, call.session, answer_key(call.event))

    async def reads(count: int) -> None:
        await sink.report(texts.model_reads.format(model=code(name), count=count))

    if isinstance(desk.engine, Swaps):
        await sink.report(texts.model_loads.format(model=code(name)))
    return await choose(desk.settings, desk.engine, name, pause=pause, reads=reads)


async def _tell_model(call: Invocation) -> None:
    status = await call.desk.engine.status()
    names = ", ".join(map(code, model_names(call.desk.settings))) or "–"
    text = call.texts.model.format(model=code(status.model), state=status.state, names=names)
    await call.reply(text, noted(call))


async def persona(call: Invocation, text: str) -> None:
    """Show, set or take back the system prompt."""
    roster = call.desk.roster
    if text:
        value = None if text == "reset" else text
        change = roster.set("persona", value, entry(call, chars=len(text)))
        return await _show_persona(call, value or call.desk.settings.persona, change)
    return await _show_persona(call, call.desk.answering.computing.persona, noted(call))


async def _show_persona(call: Invocation, text: str, change: Change) -> None:
    shown = "\n".join(f"> {line}" for line in text.split("\n"))
    await call.reply(f"{call.texts.persona}\n\n{shown}", change)


async def pause(call: Invocation) -> None:
    """Answer administrators only."""
    change = call.desk.roster.set("paused", "yes", entry(call))
    await call.reply(call.texts.paused, change)


async def resume(call: Invocation) -> None:
    """Answer everybody again."""
    change = call.desk.roster.set("paused", None, entry(call))
    await call.reply(call.texts.resumed, change)


async def drain(call: Invocation) -> None:
    """Finish what runs and end the program."""
    await call.reply(call.texts.draining, noted(call))
    call.desk.stop()


SUBCOMMANDS = (
    Subcommand("model", model),
    Subcommand("persona", persona),
    alone("pause", pause),
    alone("resume", resume),
    alone("drain", drain),
)
