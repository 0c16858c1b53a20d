"""One session: a bounded mailbox and at most one worker; order, joining, stopping, changing.

A worker lives only while its mailbox has something in it, so an idle session is a few hundred bytes
and its cached turns. While an answer is computed the worker also watches the mailbox, so that every
decision about a question (join it, change it, stop it, withdraw it) is made in one place and by one
task: no locks, no half-committed turns. What became of an entry is on disk before the next begins.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from enum import Enum

import structlog

from bot.answer import Answering
from bot.codec import answer_key, person_key
from bot.draft import Draft
from bot.question import (
    Again,
    Ask,
    Change,
    Drop,
    Entry,
    Fresh,
    Question,
    Stop,
    has,
    replaced,
    with_quote,
)
from bot.reply import Sink
from storage.records import Outcome, StorageError, Turn, TurnMessage

log = structlog.get_logger(__name__)

STORAGE_PAUSE_S = 1.0


class Verdict(Enum):
    """What an arrival means for the answer that is being computed."""

    UNTOUCHED = "untouched"
    FINISHED = "finished"
    CHANGED = "changed"
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"


@dataclass(slots=True)
class Session:
    """One conversation."""

    key: str
    answering: Answering
    mailbox: deque[Entry] = field(default_factory=deque[Entry])
    worker: asyncio.Task[None] | None = None
    question: Question | None = None
    draining: bool = False
    last_asker: str = ""
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _turns: list[Turn] | None = None
    _stale: list[Sink] = field(default_factory=list[Sink])

    def post(self, entry: Entry) -> None:
        """Queue an entry; a worker must be running or be started."""
        if isinstance(entry, Ask):
            self.last_asker = entry.inbound.event.person
        self.mailbox.append(entry)
        self._arrived.set()

    def urge(self, entry: Stop | Drop) -> None:
        """Put an entry before all others."""
        self.mailbox.appendleft(entry)
        self._arrived.set()

    @property
    def asks(self) -> int:
        """Messages that wait."""
        return sum(isinstance(entry, Ask) for entry in self.mailbox)

    def reload(self) -> None:
        """Read the turns again before the next answer."""
        self._turns = None

    async def work(self) -> None:
        """Handle what is in the mailbox, in order, and end."""
        while self.mailbox and not self.draining:
            entry = self.mailbox.popleft()
            try:
                await self._handle(entry)
            except StorageError as error:
                log.warning("session waits for storage", session=self.key, error=str(error))
                self._put_back(entry)
                await asyncio.sleep(STORAGE_PAUSE_S)
            except Exception:
                log.exception("entry failed", session=self.key)
                await self._fail(entry)
            finally:
                await self._clear()

    async def _clear(self) -> None:
        for result in self.question.dropped if self.question else ():
            _resolve(result, value=True)
        self.question = None
        await self._close_stale()

    async def _close_stale(self) -> None:
        while self._stale:
            await self._stale.pop().close()

    def _put_back(self, entry: Entry) -> None:
        entries: list[Entry] = [*self.question.entries] if self.question else [entry]
        self.mailbox.extendleft(reversed(entries))
        self.reload()

    async def _fail(self, entry: Entry) -> None:
        question = self.question
        if question is None and isinstance(entry, Ask):
            question = self._ask(entry)
        if question is not None:
            await self.answering.refuse(question, self._sink(question), "failed", Outcome.SET_ASIDE)
        elif not isinstance(entry, Stop | Drop):
            await self.answering.finish([entry.inbound.id], Outcome.SET_ASIDE)
        self.reload()

    async def _handle(self, entry: Entry) -> None:
        match entry:
            case Ask():
                await self._answer(self._ask(entry))
            case Change():
                await self._change(entry)
            case Again():
                await self._again(entry)
            case Fresh():
                await self.answering.fresh(self.key, entry.event, entry.inbound.id)
                self._turns = []
            case Drop():
                self._drop_queued(entry.person)
                _resolve(entry.result, value=True)
            case Stop():
                _resolve(entry.result, value=False)

    def _ask(self, entry: Ask) -> Question:
        message = TurnMessage(entry.event.message_id, with_quote(entry.event))
        return Question(
            answer=answer_key(entry.event),
            event=entry.event,
            since=entry.inbound.received_at,
            messages=[message],
            entries=[entry],
            sink=entry.sink,
        )

    async def _again(self, entry: Again) -> None:
        turns = await self._history()
        if not turns:
            return await self.answering.notify(entry.event, "nothing_to_retry", entry.inbound.id)
        return await self._answer(self._once_more(turns[-1], entry, list(turns[-1].messages)))

    def _once_more(
        self, turn: Turn, entry: Again | Change, messages: list[TurnMessage]
    ) -> Question:
        return Question(
            answer=turn.id,
            event=entry.event,
            since=entry.inbound.received_at,
            messages=messages,
            entries=[entry],
            turn=turn,
        )

    async def _change(self, entry: Change) -> None:
        """An edit of the last turn answers again; any other change only corrects the history."""
        turns = await self._history()
        message_id, rows = entry.event.message_id, [entry.inbound.id]
        last = turns[-1] if turns else None
        if entry.text is not None and last and has(last.messages, message_id):
            messages = replaced(last.messages, message_id, with_quote(entry.event))
            return await self._answer(self._once_more(last, entry, messages))
        await self.answering.change_history(self.key, message_id, entry.text, rows)
        self.reload()
        return None

    async def _answer(self, question: Question) -> None:
        self.question = question
        sink = self._sink(question)
        turns = await self._history()
        earlier = [turn for turn in turns if turn.id != question.answer]
        draft = Draft()
        verdict = self._take_arrivals(question, sink)
        while verdict in (Verdict.UNTOUCHED, Verdict.CHANGED):
            draft = Draft()
            task = asyncio.create_task(
                self.answering.computing.compute(question, earlier, sink, draft)
            )
            verdict = await self._attend(task, question, sink)
        if verdict is Verdict.WITHDRAWN:
            await self.answering.withdraw(question, sink)
            self.reload()
        else:
            draft.stopped = verdict is Verdict.STOPPED
            turn = await self.answering.commit(question, sink, draft)
            self._remember(turn)
            if turn and self._turns:
                room = not question.event.address.direct
                await self.answering.computing.prepare(self._turns, draft, room=room)

    async def _attend(self, task: asyncio.Task[None], question: Question, sink: Sink) -> Verdict:
        """Watch the mailbox while the answer is computed, until one of them decides."""
        try:
            while True:
                self._arrived.clear()
                verdict = self._take_arrivals(question, sink)
                if verdict is not Verdict.UNTOUCHED:
                    return verdict
                await self._close_stale()
                await self._announce_places()
                arrival = asyncio.create_task(self._arrived.wait())
                try:
                    await asyncio.wait({task, arrival}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    arrival.cancel()
                if task.done():
                    task.result()
                    return Verdict.FINISHED
        finally:
            task.cancel()
            await asyncio.wait({task})

    def _take_arrivals(self, question: Question, sink: Sink) -> Verdict:
        """Take from the mailbox what concerns the question; say what follows for the answer."""
        verdict = Verdict.UNTOUCHED
        for entry in list(self.mailbox):
            if isinstance(entry, Fresh | Again):
                break  # what is said after these belongs to another turn
            taken = self._take(entry, question, sink)
            if taken is None:
                continue
            self.mailbox.remove(entry)
            if taken in (Verdict.STOPPED, Verdict.WITHDRAWN):
                return taken
            if taken is Verdict.CHANGED:
                verdict = taken
        return verdict

    def _take(self, entry: Entry, question: Question, sink: Sink) -> Verdict | None:
        """None when the entry does not concern the question and stays where it is."""
        match entry:
            case Stop():
                _resolve(entry.result, value=True)
                return Verdict.STOPPED
            case Drop():
                return self._drop(entry, question)
            case Change() if has(question.messages, entry.event.message_id):
                return _apply(entry, question)
            case Ask() if self._joins(entry, question, sink):
                self._join(entry, question)
                return Verdict.CHANGED
            case _:
                return None

    def _drop(self, entry: Drop, question: Question) -> Verdict:
        self._drop_queued(entry.person)
        if question.person != entry.person:
            _resolve(entry.result, value=True)
            return Verdict.UNTOUCHED
        question.dropped.append(entry.result)
        return Verdict.WITHDRAWN

    def _join(self, entry: Ask, question: Question) -> None:
        message = TurnMessage(entry.event.message_id, with_quote(entry.event))
        question.messages.append(message)
        question.entries.append(entry)
        self._leave(entry)

    def _leave(self, entry: Ask) -> None:
        """It gets no answer of its own: what was shown of one goes."""
        if entry.sink or self.answering.was_left(entry.event):
            self._stale.append(self._waiting_sink(entry))

    def _joins(self, entry: Ask, question: Question, sink: Sink) -> bool:
        """What an author adds before the first word was shown belongs to the question."""
        sender = person_key(entry.event.address, entry.event.sender.id)
        on_line = sink.to is None  # one request, one response
        return not (sink.shown or on_line or question.turn) and sender == question.person

    def _drop_queued(self, person: str) -> None:
        for queued in list(self.mailbox):
            if isinstance(queued, Stop | Drop):
                continue
            if person_key(queued.event.address, queued.event.sender.id) == person:
                self.mailbox.remove(queued)
                if isinstance(queued, Ask):
                    self._leave(queued)

    async def _announce_places(self) -> None:
        """Tell those who wait for an answer before theirs how many there are."""
        asks = [entry for entry in self.mailbox if isinstance(entry, Ask)]
        for place, entry in enumerate(asks, start=1):
            if entry.place == place:
                continue
            entry.place = place
            await self._waiting_sink(entry).wait(place, self.answering.eta_s(place))

    def _waiting_sink(self, entry: Ask) -> Sink:
        """Where the one who waits is told the place in the line."""
        if entry.sink is None:
            entry.sink = self.answering.sinks(entry.event, self.key, answer_key(entry.event))
        return entry.sink

    def _sink(self, question: Question) -> Sink:
        if question.sink is None:
            question.sink = self.answering.sinks(question.event, self.key, question.answer)
        return question.sink

    async def _history(self) -> list[Turn]:
        if self._turns is None:
            self._turns = await self.answering.history(self.key)
        return self._turns

    def _remember(self, turn: Turn | None) -> None:
        if turn is None or self._turns is None:
            return
        kept = [earlier for earlier in self._turns if earlier.id != turn.id]
        self._turns = [*kept, turn][-self.answering.history_turns :]


def _apply(entry: Change, question: Question) -> Verdict:
    """Change or take away a message of the question."""
    question.entries.append(entry)
    message_id = entry.event.message_id
    if entry.text is not None:
        text = with_quote(entry.event)
        question.messages = replaced(question.messages, message_id, text)
        return Verdict.CHANGED
    question.messages = [kept for kept in question.messages if kept.message_id != message_id]
    return Verdict.CHANGED if question.messages else Verdict.WITHDRAWN


def _resolve(result: asyncio.Future[bool], *, value: bool) -> None:
    if not result.done():
        result.set_result(value)
