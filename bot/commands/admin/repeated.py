"""`admin cache | standard`: answers that need no model."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from bot.commands.admin.base import Subcommand, Usage, code, entry, known_room, noted
from bot.commands.base import Invocation
from bot.pattern import Invalid
from bot.standard import written
from bot.texts import primary
from storage.records import StandardAnswer

SWITCH = {"on": True, "off": False}


async def cache(call: Invocation, rest: str) -> None:
    """List the rooms that keep answers, or let one keep them or not."""
    switch, _, name = rest.partition(" ")
    if not switch:
        return await _list_caches(call)
    if switch not in SWITCH:
        raise Usage
    room = known_room(call, name.strip())
    title = room.title or call.event.room_name
    changed = replace(room, keeps_answers=SWITCH[switch], title=title)
    key = room.place.key
    change = call.desk.roster.put_room(changed, entry(call, key, switch=switch))
    text = call.texts.cache_on if SWITCH[switch] else call.texts.cache_off
    hours = call.desk.settings.bot.cache_hours
    return await call.reply(text.format(room=code(title or key), hours=hours), change)


async def _list_caches(call: Invocation) -> None:
    ready = call.desk.memory.ready
    counts = await ready.known.counts(ready.lasts)
    keeping = [room for room in call.desk.roster.rooms() if room.keeps_answers]
    lines = [call.texts.caches.format(count=len(keeping)), ""]
    for room in keeping:
        key = room.place.key
        lines.append(
            call.texts.cache.format(room=code(room.title or key), count=counts.get(key, 0))
        )
    await call.reply("\n".join(lines), noted(call))


async def standard(call: Invocation, rest: str) -> None:
    """List the standard answers, or do something with one."""
    verb, _, argument = rest.partition(" ")
    if not rest or (verb == "list" and not argument):
        return await _list(call)
    run = _VERBS.get(verb)
    if run is None or not argument.strip():
        raise Usage
    try:
        return await run(call, argument.strip())
    except Invalid as error:
        shown = {name: _shown(value) for name, value in error.values.items()}
        return await call.reply(getattr(call.texts, error.reason).format(sign=call.sign, **shown))


async def _list(call: Invocation) -> None:
    answers = call.desk.memory.ready.standards.all()
    lines = [call.texts.standards.format(count=len(answers)), ""]
    await call.reply("\n".join([*lines, *(_line(call, each) for each in answers)]), noted(call))


async def _show(call: Invocation, name: str) -> None:
    answer = _named(call, name)
    language = f"language={answer.language} " if answer.language else ""
    patterns = " | ".join(answer.patterns)
    form = f"admin standard set {answer.name} {language}{patterns} => {answer.template}"
    await call.reply(f"{_line(call, answer)}\n\n````\n{form}\n````", noted(call, name))


async def _set(call: Invocation, text: str) -> None:
    answer = written(text)
    if answer is None:
        raise Usage
    before = call.desk.memory.ready.standards.get(answer.name)
    enabled = before is None or before.enabled
    await _put(call, replace(answer, enabled=enabled))


async def _on(call: Invocation, name: str) -> None:
    await _put(call, replace(_named(call, name), enabled=True))


async def _off(call: Invocation, name: str) -> None:
    await _put(call, replace(_named(call, name), enabled=False))


async def _put(call: Invocation, answer: StandardAnswer) -> None:
    done = entry(
        call,
        answer.name,
        patterns=answer.patterns,
        template=answer.template,
        language=answer.language,
        enabled=answer.enabled,
    )
    change = call.desk.memory.ready.standards.put(answer, done)
    text = f"{call.texts.standard_set.format(name=answer.name)}\n\n{_line(call, answer)}"
    await call.reply(text, change)


async def _remove(call: Invocation, name: str) -> None:
    answer = _named(call, name)
    done = entry(call, answer.name, gone=True)
    change = call.desk.memory.ready.standards.remove(answer.name, done)
    await call.reply(call.texts.standard_removed.format(name=answer.name), change)


async def _test(call: Invocation, text: str) -> None:
    standards = call.desk.memory.ready.standards
    language = primary(call.event.sender.language or call.desk.settings.bot.language)
    found = standards.find(text, language)
    if found is None:
        text = call.texts.standard_fits_none.format(language=language)
        return await call.reply(text, noted(call))
    title = call.desk.roster.room(call.event.address).title
    said = standards.say(found, call.event, title)
    name = found.answer.name
    text = f"{call.texts.standard_fits.format(name=name)}\n\n{said}"
    return await call.reply(text, noted(call, name))


def _named(call: Invocation, name: str) -> StandardAnswer:
    answer = call.desk.memory.ready.standards.get(name)
    if answer is None:
        raise Invalid("standard_unknown", name=name)
    return answer


def _line(call: Invocation, answer: StandardAnswer) -> str:
    patterns = ", ".join(code(pattern) for pattern in answer.patterns)
    language = f" ({answer.language})" if answer.language else ""
    state = "" if answer.enabled else call.texts.standard_disabled
    return call.texts.standard.format(name=answer.name, patterns=patterns, state=language + state)


def _shown(value: object) -> object:
    """A value within backquotes of a text."""
    return value.replace("`", "'") if isinstance(value, str) else value


_VERBS: dict[str, Callable[[Invocation, str], Awaitable[None]]] = {
    "show": _show,
    "set": _set,
    "on": _on,
    "off": _off,
    "remove": _remove,
    "test": _test,
}

SUBCOMMANDS = (Subcommand("cache", cache), Subcommand("standard", standard))
