"""The engine's part of an answer: the window it sees, the tokens it writes, what it may cost.

Filling a draft is all that happens here; what becomes of it is decided in `answer`.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass
from functools import partial

import structlog

from bot import window
from bot.attachments import Attachments
from bot.codec import session_key
from bot.config import Settings
from bot.draft import Draft
from bot.likeness import Made
from bot.question import Again, Question, with_quote
from bot.ready import ReadyAnswers
from bot.reply import Sink
from bot.roster import Roster
from bot.texts import texts_for
from engine import base
from engine.base import Engine, EngineStatus, Message, Sampling
from storage.inbox import Inbox
from storage.outbox import Outbox
from storage.records import Turn
from storage.turns import Turns

log = structlog.get_logger(__name__)

NEXT_QUESTION_TOKENS = 64
"""Room that is left for a question when its window is made ready before it is asked."""
MAX_ATTEMPTS = 3
"""How often a message may be alone in the engine when it dies."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What answers are read from and written to."""

    inbox: Inbox
    outbox: Outbox
    turns: Turns
    roster: Roster
    ready: ReadyAnswers


class Computing:
    """Asks one engine, with what one memory holds."""

    def __init__(
        self, settings: Settings, engine: Engine, memory: Memory, attachments: Attachments
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._memory = memory
        self._attachments = attachments

    @property
    def persona(self) -> str:
        """The system prompt: what administrators set, else the configuration's."""
        return self._memory.roster.persona or self._settings.persona

    async def compute(
        self, question: Question, earlier: Sequence[Turn], sink: Sink, draft: Draft
    ) -> None:
        """Fill the draft, showing it as it grows; engine errors become its `refusal`."""
        async with sink.working():
            await self._compute(question, earlier, sink, draft)

    async def prepare(self, turns: Sequence[Turn], draft: Draft, *, room: bool) -> None:
        """If the window slides after this answer, let the engine get ready for the next one."""
        with suppress(base.EngineError):  # whoever asks next will be told
            await self._prepare(turns, draft, room=room)

    async def made(self, sink: Sink) -> Made:
        """What an answer that begins now is made with."""
        return self._made(await self._engine.status(), sink)

    def _made(self, status: EngineStatus, sink: Sink) -> Made:
        return Made(
            model=status.sha256 or status.model,
            prompt_version=window.prompt_version(self.persona),
            sampling=json.dumps(asdict(self._sampling(sink, self._context(status)))),
        )

    async def forget(self, session: str) -> None:
        """Drop what the engine keeps of a session."""
        await self._engine.forget(session)

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
                await draft.take(base.Delta(waiting=error.waiting), sink)
                await asyncio.sleep(error.retry_after_s)
            except base.EngineError as error:
                log.error("no answer", message=question.answer, error=str(error))
                draft.refusal = "no_model"
                return None

    async def _is_ready(self, question: Question, sink: Sink, draft: Draft, *, first: bool) -> bool:
        """Whether there is an answer without the model; then the draft has it."""
        made = partial(self.made, sink)
        draft.look = await self._memory.ready.look(question, made, first=first)
        if draft.look.ready is None:
            return False
        ready = draft.look.ready
        draft.text, draft.finish, draft.made = ready.text, "stop", ready.made
        return True

    async def _read_files(self, question: Question) -> None:
        """What was attached joins the message that it came with."""
        for entry in list(question.entries):
            event = entry.event
            if isinstance(entry, Again) or not event.files or event.event_id in question.read:
                continue
            attached = await self._attachments.read(
                event, texts_for(event.sender.language, self._settings.bot.language)
            )
            question.read.add(event.event_id)
            question.notes += attached.notes
            question.replace(event.message_id, "\n\n".join([with_quote(event), *attached.quotes]))

    async def _prepare(self, turns: Sequence[Turn], draft: Draft, *, room: bool) -> None:
        kept = list(turns[max(0, len(turns) - self._settings.bot.window_turns) :])
        messages = window.history(self.persona, kept, room=room)
        budget = await self._budget(None)
        if not window.surely_fits(messages, budget):
            costs = (*await self._engine.count(messages), NEXT_QUESTION_TOKENS)
            kept = kept[len(kept) - window.turns_within(costs, budget) :]
            messages = window.history(self.persona, kept, room=room)
        if len(kept) <= draft.turns_seen:
            await self._engine.prepare(turns[-1].session, messages)

    async def _fit(self, question: Question, kept: list[Turn]) -> tuple[Message, ...]:
        room = not question.event.address.direct
        messages = window.compose(self.persona, kept, question.text, question.author, room=room)
        budget = await self._budget(question.sink)
        if window.surely_fits(messages, budget):
            return messages
        fitting = window.turns_within(await self._engine.count(messages), budget)
        del kept[: len(kept) - fitting]
        return window.compose(self.persona, kept, question.text, question.author, room=room)

    async def _stream(
        self, question: Question, messages: tuple[Message, ...], sink: Sink, draft: Draft
    ) -> None:
        status = await self._engine.status()
        context = self._context(status)
        request = base.Request(
            session=session_key(question.event.address, by_thread=self._settings.bot.by_thread),
            person=question.person,
            messages=messages,
            sampling=self._sampling(sink, context),
            deadline_s=self._settings.engine.deadline_s,
        )
        draft.begin()
        # Another model, or another persona, may come while this one answers.
        draft.made = self._made(status, sink)
        try:
            async with aclosing(self._engine.stream(request)) as deltas:
                async for delta in deltas:
                    if delta.text and not draft.text and status.state != "ready":
                        # It is answered by the one that was waited for.
                        status = await self._engine.status()
                        draft.made = self._made(status, sink)
                    await draft.take(delta, sink)
        finally:
            question.computed_s += draft.computed_s

    async def _budget(self, sink: Sink | None) -> int:
        """Tokens that a prompt may have."""
        context = self._context(await self._engine.status())
        return context - self._sampling(sink, context).max_tokens

    def _context(self, status: EngineStatus) -> int:
        """Tokens that a conversation may have with the model that answers now."""
        return status.context_tokens or self._settings.engine.context_tokens

    def _sampling(self, sink: Sink | None, context: int) -> Sampling:
        engine = self._settings.engine
        asked = (sink.max_tokens if sink else None) or engine.max_tokens
        return Sampling(
            temperature=engine.temperature,
            top_p=engine.top_p,
            top_k=engine.top_k,
            min_p=engine.min_p,
            repeat_penalty=engine.repeat_penalty,
            max_tokens=min(asked, context // 2),
        )

    async def _attempt(self, question: Question) -> int:
        return await self._memory.inbox.attempt(question.rows[0])
