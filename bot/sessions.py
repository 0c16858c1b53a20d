"""Sessions: one bounded mailbox and at most one worker each; order, joining, stopping, changing.

A worker lives only while its mailbox has something in it, so an idle session is a few hundred bytes
and its cached turns. While an answer is computed the worker also watches the mailbox, so that every
decision about a question (join it, change it, stop it, withdraw it) is made in one place and by one
task: no locks, no half-committed turns. What became of an entry is on disk before the next begins.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

import structlog

from adapters.base import MessageEvent
from bot.answer import Answering, Draft
from bot.codec import answer_key, person_key
from bot.reply import Sink
from storage.records import Inbound, Outcome, StorageError, Turn, TurnMessage

log = structlog.get_logger(__name__)

IDLE_SESSIONS = 2_000
"""Idle sessions whose turns stay in memory; older ones are read again when they wake."""
STORAGE_PAUSE_S = 1.0


@dataclass(eq=False, slots=True)
class Ask:
    """A message to be answered."""

    inbound: Inbound
    event: MessageEvent
    sink: Sink | None = None
    place: int = 0


@dataclass(eq=False, slots=True)
class Change:
    """An edit of a message, or its deletion (text None)."""

    inbound: Inbound
    event: MessageEvent
    text: str | None


@dataclass(eq=False, slots=True)
class Again:
    """Answer the last question again."""

    inbound: Inbound
    event: MessageEvent


@dataclass(eq=False, slots=True)
class Fresh:
    """Begin an empty window."""

    inbound: Inbound
    event: MessageEvent


@dataclass(eq=False, slots=True)
class Stop:
    """End the answer that is being written; the result says whether there was one."""

    result: asyncio.Future[bool]


@dataclass(eq=False, slots=True)
class Drop:
    """Abandon everything of a person's that is not committed."""

    person: str
    result: asyncio.Future[bool]


Entry = Ask | Change | Again | Fresh | Stop | Drop


@dataclass(slots=True)
class Question:
    """What is being answered: one or more messages of one person, or a turn once more."""

    answer: str
    event: MessageEvent
    since: datetime
    messages: list[TurnMessage]
    entries: list[Ask | Change | Again]
    turn: Turn | None = None
    sink: Sink | None = None
    dropped: list[asyncio.Future[bool]] = field(default_factory=list[asyncio.Future[bool]])

    @property
    def rows(self) -> list[int]:
        """The inbox rows that end with this answer."""
        return [entry.inbound.id for entry in self.entries]

    @property
    def person(self) -> str:
        """Whose turn it is."""
        if self.turn:
            return self.turn.person
        return person_key(self.event.address, self.event.sender.id)

    @property
    def author(self) -> str:
        """The name the model sees."""
        return self.turn.author if self.turn else self.event.sender.name

    @property
    def text(self) -> str:
        """The question as the model sees it."""
        return "\n".join(message.text for message in self.messages)


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
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _turns: list[Turn] | None = None
    _stale: list[Sink] = field(default_factory=list[Sink])

    def post(self, entry: Entry) -> None:
        """Queue an entry; a worker must be running or be started."""
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
        message = TurnMessage(entry.event.message_id, _with_quote(entry.event))
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
        if entry.text is not None and last and _has(last.messages, message_id):
            messages = _replaced(last.messages, message_id, _with_quote(entry.event))
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
            task = asyncio.create_task(self.answering.compute(question, earlier, sink, draft))
            verdict = await self._attend(task, question, sink)
        if verdict is Verdict.WITHDRAWN:
            await self.answering.withdraw(question, sink)
            self.reload()
        else:
            draft.stopped = verdict is Verdict.STOPPED
            self._remember(await self.answering.commit(question, sink, draft))

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
            case Change() if _has(question.messages, entry.event.message_id):
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
        message = TurnMessage(entry.event.message_id, _with_quote(entry.event))
        question.messages.append(message)
        question.entries.append(entry)
        if entry.sink:
            self._stale.append(entry.sink)

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
                if isinstance(queued, Ask) and queued.sink:
                    self._stale.append(queued.sink)

    async def _announce_places(self) -> None:
        """Tell those who wait for an answer before theirs how many there are."""
        asks = [entry for entry in self.mailbox if isinstance(entry, Ask)]
        for place, entry in enumerate(asks, start=1):
            if entry.place == place:
                continue
            entry.place = place
            if entry.sink is None:
                entry.sink = self.answering.sinks(entry.event, self.key, answer_key(entry.event))
            await entry.sink.wait(place, self.answering.eta_s(place))

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


class Sessions:
    """All conversations that are awake or were lately."""

    def __init__(self, answering: Answering, spawn: Callable[..., asyncio.Task[None]]) -> None:
        self._answering = answering
        self._spawn = spawn
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._draining = False

    def post(self, key: str, entry: Entry) -> None:
        """Queue an entry for a session; its worker starts if none runs."""
        session = self._session(key)
        session.post(entry)
        if session.worker is None and not self._draining:
            session.worker = self._spawn(self._run(session))

    def is_full(self, key: str) -> bool:
        """Whether as many messages wait in the session as may."""
        session = self._sessions.get(key)
        return session is not None and session.asks >= self._answering.max_waiting

    async def stop(self, key: str) -> bool:
        """End the answer that is being written; false if there is none."""
        session = self._sessions.get(key)
        if session is None or session.question is None:
            return False
        entry = Stop(asyncio.get_running_loop().create_future())
        session.urge(entry)
        return await entry.result

    async def drop(self, person: str) -> None:
        """Abandon a person's messages everywhere, before what is stored of them is erased."""
        waits: list[asyncio.Future[bool]] = []
        for session in self._sessions.values():
            if session.worker is None:
                continue
            entry = Drop(person, asyncio.get_running_loop().create_future())
            session.urge(entry)
            waits.append(entry.result)
        await asyncio.gather(*waits)

    def reload(self, key: str) -> None:
        """What is stored of a session has changed."""
        session = self._sessions.get(key)
        if session:
            session.reload()

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def waiting(self) -> int:
        """Messages in all mailboxes."""
        return sum(session.asks for session in self._sessions.values())

    async def drain(self, timeout_s: float) -> None:
        """Let answers finish, begin no new one; what is left stays in the inbox."""
        self._draining = True
        workers: list[asyncio.Task[None]] = []
        for session in self._sessions.values():
            session.draining = True
            if session.worker:
                workers.append(session.worker)
        if workers:
            _, late = await asyncio.wait(workers, timeout=timeout_s)
            for worker in late:
                worker.cancel()
            if late:
                await asyncio.wait(late)

    def _session(self, key: str) -> Session:
        session = self._sessions.get(key)
        if session is None:
            session = self._sessions[key] = Session(key, self._answering)
            self._evict()
        self._sessions.move_to_end(key)
        return session

    def _evict(self) -> None:
        for key in list(self._sessions):
            if len(self._sessions) <= IDLE_SESSIONS:
                return
            if self._sessions[key].worker is None and not self._sessions[key].mailbox:
                del self._sessions[key]

    async def _run(self, session: Session) -> None:
        try:
            await session.work()
        finally:
            session.worker = None


def _has(messages: list[TurnMessage] | tuple[TurnMessage, ...], message_id: str) -> bool:
    return any(message.message_id == message_id for message in messages)


def _replaced(
    messages: list[TurnMessage] | tuple[TurnMessage, ...], message_id: str, text: str
) -> list[TurnMessage]:
    return [
        TurnMessage(message_id, text) if message.message_id == message_id else message
        for message in messages
    ]


def _apply(entry: Change, question: Question) -> Verdict:
    """Change or take away a message of the question."""
    question.entries.append(entry)
    message_id = entry.event.message_id
    if entry.text is not None:
        text = _with_quote(entry.event)
        question.messages = _replaced(question.messages, message_id, text)
        return Verdict.CHANGED
    question.messages = [kept for kept in question.messages if kept.message_id != message_id]
    return Verdict.CHANGED if question.messages else Verdict.WITHDRAWN


def _with_quote(event: MessageEvent) -> str:
    """The text, under the message that it replies to."""
    if event.quote is None:
        return event.text
    quoted = "\n".join(
        f"> {line}" for line in f"{event.quote.author}: {event.quote.text}".split("\n")
    )
    return f"{quoted}\n\n{event.text}"


def _resolve(result: asyncio.Future[bool], *, value: bool) -> None:
    if not result.done():
        result.set_result(value)
