"""What becomes of an answer: a committed turn or a told reason, and what its author sees of it.

Its text is written in `computing`; `session` decides between the moves.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime

import structlog

from adapters.base import MessageEvent
from bot.change import NOTHING, Change
from bot.codec import answer_key, session_key
from bot.computing import Computing, Memory
from bot.config import Settings
from bot.delivery import Delivery
from bot.draft import Draft
from bot.health import Metrics
from bot.question import Question
from bot.reply import Sink
from bot.texts import Texts, texts_for
from storage.records import Body, Outcome, Spent, Turn
from storage.statement import Step

log = structlog.get_logger(__name__)

SinkFactory = Callable[[MessageEvent, str, str], Sink]
"""The sink for an event, its session and its answer's key."""


class Answering:
    """Answers questions with one memory and one way out; `computing` writes the answers' text."""

    def __init__(
        self,
        settings: Settings,
        computing: Computing,
        memory: Memory,
        delivery: Delivery,
        sinks: SinkFactory,
        metrics: Metrics,
    ) -> None:
        self.computing = computing
        self.sinks = sinks
        self._settings = settings
        self._memory = memory
        self._delivery = delivery
        self._metrics = metrics
        self.mean_answer_s = 0.0  # of writing one, from its first word

    @property
    def max_waiting(self) -> int:
        """Messages that may wait in one session."""
        return self._settings.bot.max_waiting

    @property
    def history_turns(self) -> int:
        """Turns to keep at hand: the window, and the one that may be answered again."""
        return self._settings.bot.window_turns + 1

    def eta_s(self, place: int) -> float | None:
        """Seconds until the answer at `place` may begin, by the answers so far."""
        return place * self.mean_answer_s or None

    def was_left(self, event: MessageEvent) -> bool:
        """Whether something of its answer may stand there since an earlier run."""
        return self._delivery.was_left(answer_key(event))

    async def history(self, session: str) -> list[Turn]:
        """The session's last turns, oldest first."""
        return await self._memory.turns.recent(session, self.history_turns)

    async def commit(self, question: Question, sink: Sink, draft: Draft) -> Turn | None:
        """Record the turn and bring its final text; None where the person is told a reason."""
        if draft.refusal or not draft.text.strip():
            reason = draft.refusal or ("stopped" if draft.stopped else "empty")
            outcome = Outcome.SET_ASIDE if reason == "set_aside" else Outcome.REFUSED
            await self.refuse(question, sink, reason, outcome, draft.retry_after_s)
            return None
        turn = self._turn(question, draft)
        text = self._final_text(question, draft)
        bodies = sink.bodies(text, ratable=True) if sink.to else []
        charge = self._charge(question, messages=1)
        whole = draft.finish == "stop" and not (draft.stopped or question.notes)
        also = [*charge.steps, *self._memory.ready.keep(draft.look, turn, whole=whole)]
        turn = await self._memory.turns.commit(turn, sink.to, bodies, question.rows, also)
        charge.apply()
        await sink.answered(turn, await self._memory.outbox.parts(turn.id) if sink.to else [])
        self._measure(question, draft)
        return turn

    async def refuse(
        self,
        question: Question,
        sink: Sink,
        reason: str,
        outcome: Outcome,
        retry_after_s: float = 0,
    ) -> None:
        """Tell the person why there is no answer, in the place of what was shown of it.

        A turn that was to be answered again keeps its answer, and the notice stands below it.
        """
        texts = self._texts(question.event)
        seconds = max(1, round(retry_after_s))
        hours = self._memory.roster.quotas.hours_left()
        text = getattr(texts, reason).format(limit=self.max_waiting, seconds=seconds, hours=hours)
        text = "\n\n".join([text, *question.notes])
        self._metrics.answers.labels(question.event.address.platform, reason).inc()
        key = answer_key(question.event, "notice") if question.turn else question.answer
        charge = self._charge(question, messages=0)
        if sink.to:
            body = Body(0, text)
            await self._memory.outbox.post(key, sink.to, [body], question.rows, charge.steps)
        else:
            await self._memory.inbox.finish(question.rows, outcome, charge.steps)
        charge.apply()
        await sink.refused(reason, text, await self._memory.outbox.parts(key) if sink.to else [])
        if question.turn:
            await sink.close(instead=question.turn.answer)

    async def withdraw(self, question: Question, sink: Sink) -> None:
        """The question was taken back: nothing of its answer stays."""
        if question.turn:
            for message in question.turn.messages:
                await self.change_history(question.turn.session, message.message_id, None, [])
        await sink.close()
        await self._memory.inbox.finish(question.rows, Outcome.DONE)

    async def change_history(
        self, session: str, message_id: str, text: str | None, rows: Sequence[int]
    ) -> None:
        """Correct a message in a committed turn, or take it out (text None)."""
        if text is not None:
            await self._memory.turns.edit_message(session, message_id, text, rows)
        else:
            turn = await self._memory.turns.remove_message(session, message_id, rows)
            if turn and len(turn.messages) == 1:
                self._delivery.deliver(await self._memory.outbox.parts(turn.id))
        await self.computing.forget(session)

    async def fresh(self, session: str, event: MessageEvent, row: int) -> None:
        """Let the session's next window begin after its last turn."""
        await self._memory.turns.fresh(session)
        await self.computing.forget(session)
        await self.notify(event, "fresh", row)

    async def notify(self, event: MessageEvent, text: str, row: int) -> None:
        """Answer an event with a fixed text, by its name in `Texts`."""
        await self.tell(event, getattr(self._texts(event), text), row)

    async def tell(
        self,
        event: MessageEvent,
        markdown: str,
        row: int,
        reason: str = "notice",
        also: Sequence[Step] = (),
    ) -> None:
        """Answer an event with a text that is no turn, in one commit with `also`."""
        key = answer_key(event)
        sink = self.sinks(event, self._session_of(event), key)
        if sink.to is None:
            await self._memory.inbox.finish([row], Outcome.DONE, also)
            return await sink.refused(reason, markdown, [])
        await self._memory.outbox.post(key, sink.to, sink.bodies(markdown), [row], also)
        return self._delivery.deliver(await self._memory.outbox.parts(key))

    async def finish(self, rows: Sequence[int], outcome: Outcome) -> None:
        """End events that need no answer."""
        await self._memory.inbox.finish(rows, outcome)

    def _charge(self, question: Question, messages: int) -> Change:
        """Count what a question took of its author's day."""
        taken = Spent(messages, round(question.computed_s * 1000))
        if taken == Spent():
            return NOTHING
        return self._memory.roster.quotas.charge(question.asker, taken)

    def _session_of(self, event: MessageEvent) -> str:
        return session_key(event.address, by_thread=self._settings.bot.by_thread)

    def _turn(self, question: Question, draft: Draft) -> Turn:
        assert draft.made, "there is a text"
        turn = Turn(
            id=question.answer,
            session=self._session_of(question.event),
            person=question.person,
            author=question.author,
            messages=tuple(question.messages),
            answer=draft.text.strip(),
            created_at=datetime.now(UTC),
            stopped=draft.stopped,
            **asdict(draft.made),
            usage=json.dumps(asdict(draft.usage)) if draft.usage else "{}",
        )
        return replace(turn, number=question.turn.number) if question.turn else turn

    def _final_text(self, question: Question, draft: Draft) -> str:
        """The answer, and below it what its author is to know of it."""
        texts = self._texts(question.event)
        paragraphs = [draft.text.strip()]
        if draft.stopped:
            paragraphs.append(texts.stopped)
        elif draft.finish == "length":
            paragraphs.append(texts.cut_off)
        elif draft.look.ready:
            paragraphs.append(getattr(texts, draft.look.ready.mark))
        return "\n\n".join([*paragraphs, *question.notes])

    def _texts(self, event: MessageEvent) -> Texts:
        return texts_for(event.sender.language, self._settings.bot.language)

    def _measure(self, question: Question, draft: Draft) -> None:
        platform = question.event.address.platform
        now = datetime.now(UTC)
        seconds = (now - question.since).total_seconds()
        self._metrics.answers.labels(platform, "stopped" if draft.stopped else "answered").inc()
        self._metrics.answer_seconds.labels(platform).observe(seconds)
        if draft.first_word_at:
            first = (draft.first_word_at - question.since).total_seconds()
            self._metrics.first_word_seconds.labels(platform).observe(first)
            writing = (now - draft.first_word_at).total_seconds()
            self.mean_answer_s += (writing - self.mean_answer_s) * 0.1
        usage = draft.usage
        if usage:
            self._metrics.queue_seconds.observe(usage.queued_s)
            if usage.slide:
                self._metrics.slides.labels(usage.slide).inc()
            for source, tokens in (
                ("reused", usage.reused_tokens),
                ("prefilled", usage.prefilled_tokens),
                ("generated", usage.completion_tokens),
                ("drafted", usage.drafted_tokens),
                ("taken", usage.taken_tokens),
            ):
                self._metrics.tokens.labels(source).inc(tokens)
        log.info(
            "answered",
            message=question.answer,
            platform=platform,
            seconds=round(seconds, 3),
            stopped=draft.stopped,
            tokens=usage.completion_tokens if usage else None,
        )
