"""`help`, `status`, `privacy`: what the bot says of itself."""

from datetime import UTC, datetime

from bot import __version__
from bot.access import Role
from bot.commands.base import Command, Invocation
from bot.menu import ADMIN, PAIR
from bot.texts import Texts
from engine.base import EngineStatus


async def show_help(call: Invocation) -> None:
    """List the commands that this person may use."""
    lines = [call.texts.help_title, "", call.texts.help_hint, ""]
    hidden = {PAIR} if call.role >= Role.ADMIN else {PAIR, ADMIN}
    for name, (arguments, purpose) in call.texts.commands.items():
        if name not in hidden:
            usage = f"{call.sign}{name} {arguments}".strip()
            lines.append(f"- `{usage}`: {purpose}")
    await call.reply("\n".join(lines))


async def show_status(call: Invocation) -> None:
    """Say which model answers and how busy it is."""
    await call.reply(await _status(call))


async def show_privacy(call: Invocation) -> None:
    """Say what is kept, where, and how to get rid of it."""
    await call.reply(await _privacy(call))


async def show_home(call: Invocation) -> None:
    """Both, for a page of the bot's own that some platforms have."""
    await call.reply(f"{await _status(call)}\n\n{await _privacy(call)}")


async def _status(call: Invocation) -> str:
    status = await call.desk.engine.status()
    return call.texts.status.format(
        name=call.desk.settings.bot.name,
        version=__version__,
        model=status.model or call.desk.settings.engine.model,
        state=getattr(call.texts, f"model_{status.state}"),
        running=status.running,
        waiting=status.waiting + call.desk.sessions.waiting,
        speed=_speed(call.texts, status),
        uptime=_duration(call.texts, (datetime.now(UTC) - call.desk.started_at).total_seconds()),
        turns=await call.desk.memory.turns.count(),
    )


async def _privacy(call: Invocation) -> str:
    status, settings, texts = await call.desk.engine.status(), call.desk.settings, call.texts
    host = settings.engine.elsewhere
    where = texts.privacy_elsewhere if host else texts.privacy_here
    model = status.model or settings.engine.model
    return texts.privacy.format(
        where=where.format(model=model, host=host),
        turns=settings.bot.window_turns,
        sign=call.sign,
    )


def _speed(texts: Texts, status: EngineStatus) -> str:
    if not status.decode_rate:
        return texts.speed_unknown
    return texts.speed.format(prefill=status.prefill_rate, decode=status.decode_rate)


def _duration(texts: Texts, seconds: float) -> str:
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    if hours >= 48:
        return texts.days.format(count=hours // 24)
    if hours >= 2:
        return texts.hours.format(count=hours)
    return texts.minutes.format(count=minutes)


COMMANDS = (
    Command("help", show_help),
    Command("start", show_help, hidden=True),
    Command("home", show_home, hidden=True),
    Command("status", show_status),
    Command("privacy", show_privacy),
)
