"""One answer: from a question and the turns before it to a committed turn or a told reason.

Computing, committing and refusing are separate moves, so that `sessions` decides between them.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial

import structlog

from adapters.base import MessageEvent
from bot import window
from bot.attachments import Attachments
from bot.change import NOTHING, Change
from bot.codec import answer_key, session_key
from bot.config import Settings
from bot.delivery import Delivery
from bot.draft import Draft
from bot.health import Metrics
from bot.likeness import Made
from bot.question import Again, Question, with_quote
from bot.ready import ReadyAnswers
from bot.reply import Sink
from bot.roster import Roster
from bot.texts import Texts, texts_for
from engine import base
from engine.base import Engine, Message, Sampling
from storage.inbox import Inbox
from storage.outbox import Outbox
from storage.records import Body, Outcome, Spent, Turn
from storage.statement import Step
from storage.turns import Turns

log = structlog.get_logger(__name__)

NEXT_QUESTION_TOKENS = 64
"""Room that is left for a question when its window is made ready before it is asked."""
MAX_ATTEMPTS = 3
"""How often a message may be alone in the engine when it dies."""

SinkFactory = Callable[[MessageEvent, str, str], Sink]
"""The sink for an event, its session and its answer's key."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What answers are read from and written to."""

    inbox: Inbox
    outbox: Outbox
    turns: Turns
    roster: Roster
    ready: ReadyAnswers


@dataclass(frozen=True, slots=True)
class Platforms:
    """What an answer needs of the platforms: where it shows, and what came with its question."""

    sinks: SinkFactory
    attachments: Attachments


class Answering:
    """Answers questions with one engine, one memory and one way out."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        memory: Memory,
        delivery: Delivery,
        platforms: Platforms,
        metrics: Metrics,
    ) -> None:
        self.sinks = platforms.sinks
        self._attachments = platforms.attachments
        self._settings = settings
        self._engine = engine
        self._memory = memory
        self._delivery = delivery
        self._metrics = metrics
        self._mean_answer_s = 0.0

    @property
    def max_waiting(self) -> int:
        """Messages that may wait in one session."""
        return self._settings.bot.max_waiting

    @property
    def history_turns(self) -> int:
        """Turns to keep at hand: the window, and the one that may be answered again."""
        return self._settings.bot.window_turns + 1

    @property
    def persona(self) -> str:
        """The system prompt: what administrators set, else the configuration's."""
        return self._memory.roster.persona or self._settings.persona

    def eta_s(self, place: int) -> float | None:
        """Seconds until the answer at `place` may begin, by the answers so far."""
        return place * self._mean_answer_s or None

    async def history(self, session: str) -> list[Turn]:
        """The session's last turns, oldest first."""
        return await self._memory.turns.recent(session, self.history_turns)

    async def compute(
        self, question: Question, earlier: Sequence[Turn], sink: Sink, draft: Draft
    ) -> None:
        """Fill the draft, showing it as it grows; engine errors become its `refusal`."""
        async with sink.working():
            await self._compute(question, earlier, sink, draft)

    async def _compute(
        self, question: Question, earlier: Sequence[Turn], sink: Sink, draft: Draft
    ) -> None:
        obstacle = self._memory.roster.obstacle(question.asker)
        if obstacle:
            draft.refusal = obstacle
            return None
        await self._read_files(question)
        if not question.text.strip():
            draft.refusal = "nothing_to_read"
            return None
        kept = list(earlier[max(0, len(earlier) - self._settings.bot.window_turns) :])
        draft.turns_seen = len(kept)
        if await self._is_ready(question, sink, draft, first=not earlier):
            return None
        started = asyncio.get_running_loop().time()
        while True:
            try:
                messages = await self._fit(question, kept)
                draft.turns_seen = len(kept)
                return await self._stream(question, messages, sink, draft)
            except base.ContextTooLong:
                if not kept:
                    draft.refusal = "too_long_for_model"
                    return None
                kept = kept[1:]
            except base.Interrupted as error:
                log.warning("the engine died", message=question.answer, alone=error.alone)
                if error.alone and await self._attempt(question) >= MAX_ATTEMPTS:
                    draft.refusal = "set_aside"
                    return None
            except base.Overloaded as error:
                patience = 0 if sink.to is None else self._settings.bot.patience_s
                if asyncio.get_running_loop().time() - started + error.retry_after_s > patience:
                    draft.refusal, draft.retry_after_s = "busy", error.retry_after_s
                    return None
                await asyncio.sleep(error.retry_after_s)
            except base.EngineError as error:
                log.error("no answer", message=question.answer, error=str(error))
                draft.refusal = "no_model"
                return None

    async def _is_ready(self, question: Question, sink: Sink, draft: Draft, *, first: bool) -> bool:
        """Whether there is an answer without the model; then the draft has it."""
        made = partial(self._made, sink)
        draft.look = await self._memory.ready.look(question, made, first=first)
        if draft.look.ready is None:
            return False
        draft.text, draft.finish = draft.look.ready.text, "stop"
        return True

    async def _made(self, sink: Sink) -> Made:
        status = await self._engine.status()
        return Made(
            model=status.sha256 or status.model,
            prompt_version=window.prompt_version(self.persona),
            sampling=json.dumps(asdict(self._sampling(sink))),
        )

    async def _read_files(self, question: Question) -> None:
        """What was attached joins the message that it came with."""
        for entry in list(question.entries):
            event = entry.event
            if isinstance(entry, Again) or not event.files or event.event_id in question.read:
                continue
            attached = await self._attachments.read(event, self._texts(event))
            question.read.add(event.event_id)
            question.notes += attached.notes
            question.replace(event.message_id, "\n\n".join([with_quote(event), *attached.quotes]))

    async def commit(self, question: Question, sink: Sink, draft: Draft) -> Turn | None:
        """Record the turn and bring its final text; None where the person is told a reason."""
        if draft.refusal or not draft.text.strip():
            reason = draft.refusal or ("stopped" if draft.stopped else "empty")
            outcome = Outcome.SET_ASIDE if reason == "set_aside" else Outcome.REFUSED
            await self.refuse(question, sink, reason, outcome, draft.retry_after_s)
            return None
        turn = await self._turn(question, draft, sink)
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

    async def prepare(self, turns: Sequence[Turn], draft: Draft, *, room: bool) -> None:
        """If the window slides after this answer, let the engine get ready for the next one."""
        with suppress(base.EngineError):  # whoever asks next will be told
            await self._prepare(turns, draft, room=room)

    async def _prepare(self, turns: Sequence[Turn], draft: Draft, *, room: bool) -> None:
        kept = list(turns[max(0, len(turns) - self._settings.bot.window_turns) :])
        messages = window.history(self.persona, kept, room=room)
        if not window.surely_fits(messages, self._budget(None)):
            costs = (*await self._engine.count(messages), NEXT_QUESTION_TOKENS)
            kept = kept[len(kept) - window.turns_within(costs, self._budget(None)) :]
            messages = window.history(self.persona, kept, room=room)
        if len(kept) <= draft.turns_seen:
            await self._engine.prepare(turns[-1].session, messages)

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
        await self._engine.forget(session)

    async def fresh(self, session: str, event: MessageEvent, row: int) -> None:
        """Let the session's next window begin after its last turn."""
        await self._memory.turns.fresh(session)
        await self._engine.forget(session)
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

    async def _fit(self, question: Question, kept: list[Turn]) -> tuple[Message, ...]:
        room = not question.event.address.direct
        messages = window.compose(self.persona, kept, question.text, question.author, room=room)
        budget = self._budget(question.sink)
        if window.surely_fits(messages, budget):
            return messages
        fitting = window.turns_within(await self._engine.count(messages), budget)
        del kept[: len(kept) - fitting]
        return window.compose(self.persona, kept, question.text, question.author, room=room)

    async def _stream(
        self, question: Question, messages: tuple[Message, ...], sink: Sink, draft: Draft
    ) -> None:
        request = base.Request(
            session=self._session_of(question.event),
            person=question.person,
            messages=messages,
            sampling=self._sampling(sink),
            deadline_s=self._settings.engine.deadline_s,
        )
        draft.begin()
        try:
            async with aclosing(self._engine.stream(request)) as deltas:
                async for delta in deltas:
                    await draft.take(delta, sink)
        finally:
            question.computed_s += draft.computed_s

    def _budget(self, sink: Sink | None) -> int:
        """Tokens that a prompt may have."""
        return self._settings.engine.context_tokens - self._sampling(sink).max_tokens

    def _sampling(self, sink: Sink | None) -> Sampling:
        engine = self._settings.engine
        longest = min(engine.max_tokens, engine.context_tokens // 2)
        asked = sink.max_tokens if sink else None
        return Sampling(
            temperature=engine.temperature,
            top_p=engine.top_p,
            top_k=engine.top_k,
            min_p=engine.min_p,
            repeat_penalty=engine.repeat_penalty,
            max_tokens=min(asked, engine.context_tokens // 2) if asked else longest,
        )

    async def _attempt(self, question: Question) -> int:
        return await self._memory.inbox.attempt(question.rows[0])

    async def _turn(self, question: Question, draft: Draft, sink: Sink) -> Turn:
        made = draft.look.ready.made if draft.look.ready else await self._made(sink)
        turn = Turn(
            id=question.answer,
            session=self._session_of(question.event),
            person=question.person,
            author=question.author,
            messages=tuple(question.messages),
            answer=draft.text.strip(),
            created_at=datetime.now(UTC),
            stopped=draft.stopped,
            **asdict(made),
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
            self._mean_answer_s += (writing - self._mean_answer_s) * 0.1
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
