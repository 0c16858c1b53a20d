"""Answers that need no model: standard answers, and what was answered in the same room before.

Which of the two there is for a question, and whether the model's answer is to be kept, is decided
here; `answer` shows and commits it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from adapters.base import MessageEvent
from bot.codec import session_key
from bot.config import Settings
from bot.health import Metrics
from bot.likeness import Made, key_of, names, normal
from bot.question import Again, Ask, Question
from bot.roster import Roster
from bot.standards import Standards
from bot.texts import primary
from storage.known import Known, dropping, keeping
from storage.records import Turn
from storage.statement import Step

KNOWLEDGE = ""
"""The version of what the model may look up beside the conversation; there is nothing yet."""


@dataclass(frozen=True, slots=True)
class Ready:
    """An answer, what it was made with, and the mark below it by its name in `Texts`."""

    text: str
    mark: str
    made: Made


@dataclass(frozen=True, slots=True)
class Slot:
    """Where an answer is kept, and what it has to be made with to be kept there."""

    room: str
    key: str
    made: Made


@dataclass(frozen=True, slots=True)
class Look:
    """What there is for a question: an answer, or a place to keep the model's, or neither."""

    ready: Ready | None = None
    slot: Slot | None = None


class ReadyAnswers:
    """Finds answers and says what is to be kept."""

    def __init__(
        self,
        settings: Settings,
        roster: Roster,
        standards: Standards,
        known: Known,
        metrics: Metrics,
    ) -> None:
        self.standards = standards
        self.known = known
        self._settings = settings.bot
        self._roster = roster
        self._metrics = metrics

    @property
    def lasts(self) -> timedelta:
        """How long an answer is given again."""
        return timedelta(hours=self._settings.cache_hours)

    async def look(
        self, question: Question, made: Callable[[], Awaitable[Made]], *, first: bool
    ) -> Look:
        """What there is for a question. `first`: no turn stands before it.

        Whoever asks again wants the model's answer; it takes the place of one that is kept.
        """
        again = any(isinstance(entry, Again) for entry in question.entries)
        standard = None if again else self._standard(question)
        if standard is not None:
            return Look(standard)
        if not (first and self._may_share(question) and normal(question.text)):
            return Look()
        slot = self._slot(question, await made())
        turn = await self.known.find(slot.room, slot.key, self.lasts)
        if again:
            return Look(slot=slot if turn else None)
        self._metrics.cache_lookups.labels("hit" if turn else "miss").inc()
        return Look(Ready(turn.answer, "answered_before", slot.made)) if turn else Look(slot=slot)

    def keep(self, look: Look, turn: Turn, *, whole: bool) -> list[Step]:
        """What keeps a turn's answer for others, in the turn's commit; `whole`: nothing is cut."""
        slot = look.slot
        if slot is None or not whole or names(turn.answer, turn.author):
            return []
        if slot.made != Made(turn.model, turn.prompt_version, turn.sampling):
            return []
        return [keeping(turn.id, slot.room, slot.key, self.lasts, self._settings.cache_entries)]

    def judged(self, answer: str, value: int) -> list[Step]:
        """What follows from an opinion: an answer that somebody finds bad is not given again."""
        return [dropping(answer)] if value < 0 else []

    def _standard(self, question: Question) -> Ready | None:
        event = question.event
        if not _is_plain(question):
            return None
        found = self.standards.find(question.text, self._language(event))
        if found is None:
            return None
        self._metrics.standard_answers.labels(found.answer.name).inc()
        text = self.standards.say(found, event, self._roster.room(event.address).title)
        return Ready(text, "standard_answer", Made("", f"standard:{found.answer.name}", "{}"))

    def _may_share(self, question: Question) -> bool:
        """Whether everybody in the room may read both the question and its answer."""
        address = question.event.address
        if address.direct or address.whisper or not self._roster.room(address).keeps_answers:
            return False
        changed = any(not isinstance(entry, Ask | Again) for entry in question.entries)
        return _is_plain(question) and not changed

    def _slot(self, question: Question, made: Made) -> Slot:
        event = question.event
        key = key_of(question.text, made, self._language(event), KNOWLEDGE)
        return Slot(session_key(event.address, by_thread=False), key, made)

    def _language(self, event: MessageEvent) -> str:
        return primary(event.sender.language or self._settings.language)


def _is_plain(question: Question) -> bool:
    """Whether a question is nothing but its text."""
    return not any(entry.event.files or entry.event.quote for entry in question.entries)
