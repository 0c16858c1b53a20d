"""`admin retention`: how long conversations are kept."""

from bot.commands.admin.base import (
    Subcommand,
    Usage,
    code,
    entry,
    known_room,
    noted,
    room_of,
)
from bot.commands.base import Invocation
from bot.texts import Texts
from storage.retention import FOR_EVER, MOST_DAYS

EVERYWHERE = "everywhere"
DEFAULT = "default"


async def retention(call: Invocation, rest: str) -> None:
    """List what is kept how long, or change it for a room, a conversation or everywhere."""
    word, _, name = rest.partition(" ")
    if not word:
        return await _list(call)
    days = None if word == DEFAULT else _days(word)
    place = _place(call, name.strip())
    change = call.desk.expiry.keep(days, place, entry(call, place or EVERYWHERE, days=days))
    kept = call.texts.kept_default if days is None else _kept(call.texts, days)
    text = call.texts.retention_set.format(place=code(place or EVERYWHERE), kept=kept)
    return await call.reply(text, change)


async def _list(call: Invocation) -> None:
    now, texts = call.desk.expiry.retention, call.texts
    places = {EVERYWHERE: now.days, **dict(sorted(now.places.items()))}
    lines = [texts.retention, ""]
    lines += [
        texts.retention_place.format(place=code(place), kept=_kept(texts, days))
        for place, days in places.items()
    ]
    await call.reply("\n".join(lines), noted(call))


def _place(call: Invocation, name: str) -> str:
    """The key of what is named; empty for everywhere. Raises `Usage`."""
    if name == EVERYWHERE:
        return ""
    if room_of(call, name) is None and name.count(":") >= 2:
        return name
    return known_room(call, name).place.key


def _days(word: str) -> int:
    if word == "off":
        return FOR_EVER
    if not (word.isascii() and word.isdecimal() and 1 <= int(word[:6]) <= MOST_DAYS):
        raise Usage
    return int(word)


def _kept(texts: Texts, days: int) -> str:
    return texts.kept_for_ever if days == FOR_EVER else texts.kept_days.format(days=days)


SUBCOMMANDS = (Subcommand("retention", retention),)
