"""`admin stats | sessions | dead | audit`: what happens."""

from functools import partial

from adapters.capabilities import Connects
from bot.backups import Backups
from bot.change import Change
from bot.commands.admin.base import Subcommand, Usage, alone, code, entry, noted, number
from bot.commands.base import Invocation
from bot.texts import Texts
from storage.condition import Condition
from storage.outbox import reviving
from storage.records import PartState

MOST_SHOWN = 50
AUDIT_SHOWN = 20


async def stats(call: Invocation) -> None:
    """Numbers of today, and how the platforms are."""
    desk = call.desk
    today = desk.roster.quotas.today()
    letters = await desk.memory.outbox.dead_letters()
    lines = [
        call.texts.stats.format(
            messages=sum(each.messages for each in today.values()),
            people=len(today),
            seconds=sum(each.compute_ms for each in today.values()) // 1000,
            turns=await desk.memory.turns.count(),
            waiting=desk.sessions.waiting,
            dead=len(letters),
        )
    ]
    storage = await desk.storage()
    lines += _storage(call.texts, storage)
    if storage.epoch:
        lines.append(call.texts.storage_leased.format(epoch=storage.epoch))
    lines += _backups(call.texts, desk.backups)
    for adapter in desk.adapters.values():
        if isinstance(adapter, Connects):
            link = adapter.link
            last = f"{link.last_event_at:%Y-%m-%d %H:%M} UTC" if link.last_event_at else "–"
            lines.append(f"- {adapter.name}: {link.detail or link.state}, {last}")
    await call.reply("\n".join(lines), noted(call))


def _storage(texts: Texts, condition: Condition) -> list[str]:
    """How storage is, where it is not simply a file on this machine."""
    match condition.state:
        case "local":
            return []
        case "copying":
            return [texts.storage_copying.format(rows=condition.waiting)]
        case _:
            text = texts.storage_degraded if condition.is_sound else texts.storage_refused
            seconds = round(condition.waiting_s)
            return [text.format(rows=condition.waiting, seconds=seconds, reason=condition.reason)]


def _backups(texts: Texts, backups: Backups | None) -> list[str]:
    """When the last backup was taken, where they are taken at all."""
    if backups is None:
        return []
    state = backups.state
    last = f"{state.last.taken:%Y-%m-%d %H:%M} UTC" if state.last else "–"
    text = texts.backup_failed if state.fault else texts.backup_kept
    return [text.format(last=last, count=len(state.kept), reason=state.fault)]


async def sessions(call: Invocation) -> None:
    """The conversations that are awake."""
    awake = call.desk.sessions.awake()
    lines = [call.texts.sessions.format(count=len(awake)), ""]
    lines += [
        call.texts.session.format(session=code(each.key), waiting=each.asks)
        for each in awake[:MOST_SHOWN]
    ]
    await call.reply("\n".join(lines), noted(call))


async def dead(call: Invocation, rest: str) -> None:
    """List what could not be delivered, or try one again."""
    words = rest.split()
    if not words:
        return await _list_dead(call)
    if len(words) == 2 and words[0] == "retry":
        return await _retry_dead(call, words[1])
    raise Usage


async def _list_dead(call: Invocation) -> None:
    letters = await call.desk.memory.outbox.dead_letters()
    if not letters:
        return await call.reply(call.texts.no_dead_letters, noted(call))
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
    return await call.reply("\n".join(lines), noted(call))


async def _retry_dead(call: Invocation, key: str) -> None:
    outbox = call.desk.memory.outbox
    answer, _, index = key.rpartition(".")
    dead = [part for part in await outbox.parts(answer) if part.state is PartState.DEAD]
    found = [part for part in dead if str(part.index) == index]
    if not found:
        return await call.reply(call.texts.dead_unknown.format(key=key))
    steps = (reviving(answer, found[0].index), call.desk.audit.adding(entry(call, key)))
    change = Change(steps, partial(call.desk.delivery.deliver, found, unsure=True))
    return await call.reply(call.texts.dead_retried.format(key=key), change)


async def audit(call: Invocation, rest: str) -> None:
    """What administrators did lately."""
    count = number(rest) if rest else AUDIT_SHOWN
    entries = await call.desk.audit.latest(min(count, MOST_SHOWN))
    lines = [call.texts.audit.format(count=len(entries)), ""]
    for each in entries:
        at = f"{each.at:%Y-%m-%d %H:%M}" if each.at else ""
        lines.append(
            f"- {at} {code(each.actor)} {each.action} {code(each.target or '–')}: {each.outcome}"
        )
    await call.reply("\n".join(lines), noted(call))


SUBCOMMANDS = (
    alone("stats", stats),
    alone("sessions", sessions),
    Subcommand("dead", dead),
    Subcommand("audit", audit),
)
