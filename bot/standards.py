"""The standard answers as they are now: in memory, and on disk before they count."""

from dataclasses import dataclass, field
from functools import partial

from adapters.base import MessageEvent
from bot import pattern
from bot.change import Change
from bot.pattern import Invalid
from bot.standard import Entry, Found, checked, filled, fitting
from bot.texts import texts_for
from storage.clock import Clock, utc_now
from storage.records import AuditEntry, StandardAnswer
from storage.standard import StandardStore

MAX_ANSWERS = 200


@dataclass(slots=True)
class Standards:
    """Standard answers by name. `bot` is what people call the bot."""

    store: StandardStore
    bot: str
    language: str
    now: Clock = utc_now
    _entries: dict[str, Entry] = field(default_factory=dict[str, Entry])

    async def load(self) -> None:
        """Read everything."""
        self._entries = {answer.name: checked(answer) for answer in await self.store.all()}

    def all(self) -> list[StandardAnswer]:
        """Every answer, by name."""
        return [self._entries[name].answer for name in sorted(self._entries)]

    def get(self, name: str) -> StandardAnswer | None:
        """The answer with a name."""
        entry = self._entries.get(name)
        return entry.answer if entry else None

    def put(self, answer: StandardAnswer, entry: AuditEntry) -> Change:
        """Keep an answer, instead of the one with its name. Raises `Invalid`."""
        ready = checked(answer)
        if answer.name not in self._entries and len(self._entries) >= MAX_ANSWERS:
            raise Invalid("standard_full", limit=MAX_ANSWERS)
        keep = partial(self._entries.__setitem__, answer.name, ready)
        return Change((self.store.keeping(answer, entry),), keep)

    def remove(self, name: str, entry: AuditEntry) -> Change:
        """Take an answer away."""
        return Change((self.store.removing(name, entry),), partial(self._entries.pop, name, None))

    def find(self, text: str, language: str) -> Found | None:
        """The answer that fits a question."""
        return fitting(self._entries.values(), pattern.read(text), language)

    def say(self, found: Found, event: MessageEvent, room: str) -> str:
        """The answer's text for who asks, in the time zone of this machine."""
        here = texts_for(event.sender.language, self.language).this_chat
        values = {
            "name": event.sender.name,
            "room": event.room_name or room or here,
            "date": f"{self.now().astimezone():%Y-%m-%d}",
            "bot": self.bot,
        }
        return filled(found.answer.template, values | dict(found.captured))
