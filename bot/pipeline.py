"""One event: clean → decide → record → allow → dispatch.

`emit` returns when the batch and its cursor are on disk; what follows from them happens after, and
is taken up again from the inbox when the program did not get to it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from adapters.base import Cursor, Kind, MessageEvent, Person
from bot import access, routing
from bot.codec import answer_key, from_record, person_key, session_key, to_record
from bot.commands import REGISTRY, Desk, Invocation
from bot.delivery import Spawn
from bot.health import Metrics
from bot.hygiene import clean, clean_name
from bot.question import Ask, Change
from bot.texts import Texts, texts_for
from storage.records import Inbound, Outcome, Recorded, Unavailable

log = structlog.get_logger(__name__)

ONCE = "once:"
"""Begins the id of an event whose sender waits on the line and won't ask for the answer again."""

Redact = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Decided:
    """An event, cleaned, and what it asks for."""

    event: MessageEvent
    action: routing.Action


class Pipeline:
    """The way of every event, from any platform."""

    def __init__(self, desk: Desk, spawn: Spawn, metrics: Metrics, redact: Redact = str) -> None:
        self._desk = desk
        self._spawn = spawn
        self._metrics = metrics
        self._redact = redact
        self._closed = False
        self._met: dict[str, Person] = {}

    def close(self) -> None:
        """Take nothing more: what is not acknowledged stays with its platform."""
        self._closed = True

    async def emit(
        self,
        platform: str,
        account: str,
        events: Sequence[MessageEvent],
        cursor: Cursor | None,
    ) -> Recorded:
        """Record a batch and its cursor in one commit, then act on what is new in it.

        Raises `StorageError` when it can't be recorded: it must not be acknowledged then.
        """
        if self._closed:
            raise Unavailable("the bot is stopping")
        decided = [self._decide(event) for event in events]
        kept = [one for one in decided if not isinstance(one.action, routing.Ignore)]
        position = (platform, account, cursor) if cursor is not None else None
        if not kept and position is None:
            self._count(decided, Recorded(()))
            return Recorded(())
        records = [to_record(one.event, self._session(one.event)) for one in kept]
        recorded = await self._desk.memory.inbox.record(records, position)
        self._count(decided, recorded)
        actions = {one.event.event_id: one for one in kept}
        for inbound in recorded.new:
            self._dispatch(inbound, actions[inbound.event.event_id])
        return recorded

    async def recover(self) -> int:
        """Take up what an earlier run recorded and did not finish; return how much that was."""
        pending = await self._desk.memory.inbox.pending()
        for inbound in pending:
            if inbound.event.event_id.startswith(ONCE):
                await self._desk.answering.finish([inbound.id], Outcome.IGNORED)
                continue
            event = from_record(inbound.event)
            self._dispatch(inbound, Decided(event, self._action_again(event)))
        return len(pending)

    def _decide(self, event: MessageEvent) -> Decided:
        quote = event.quote
        if quote:
            quote = replace(quote, author=clean_name(quote.author), text=self.redact(quote.text))
        sender = replace(event.sender, name=clean_name(event.sender.name))
        event = replace(event, sender=sender, quote=quote, text=self.redact(event.text))
        action = self._action(event)
        if isinstance(action, routing.Refuse):
            event = replace(event, text="", files=())
        return Decided(event, action)

    def _action(self, event: MessageEvent) -> routing.Action:
        return routing.decide(event, max_chars=self._desk.settings.bot.max_message_chars)

    def _action_again(self, event: MessageEvent) -> routing.Action:
        """The action of a recorded event: one that was refused is stored without its text."""
        is_blank = not event.text and not event.files
        if event.kind in (Kind.MESSAGE, Kind.EDIT) and is_blank:
            return routing.Refuse("too_long", str(self._desk.settings.bot.max_message_chars))
        return self._action(event)

    def redact(self, text: str) -> str:
        """Text as it may be kept: no control over its reader, and nothing a policy forbids."""
        return self._redact(clean(text))

    def _session(self, event: MessageEvent) -> str:
        return session_key(event.address, by_thread=self._desk.settings.bot.by_thread)

    def _dispatch(self, inbound: Inbound, decided: Decided) -> None:
        event, key = decided.event, inbound.event.session
        self._meet(inbound.event.person, event)
        platform, kind = event.address.platform, event.kind.value
        log.info("received", message=answer_key(event), platform=platform, kind=kind)
        match decided.action:
            case routing.Answer() if self._desk.sessions.is_full(key):
                self._refuse(inbound, event, "too_many_waiting", self._desk.answering.max_waiting)
            case routing.Answer():
                self._desk.sessions.post(key, Ask(inbound, event))
            case routing.Amend():
                self._desk.sessions.post(key, Change(inbound, event, event.text))
            case routing.Remove():
                self._desk.sessions.post(key, Change(inbound, event, None))
            case routing.Run(name, arguments):
                self._spawn(self._run(inbound, event, name, arguments))
            case routing.Rate(value):
                self._spawn(self._rate(inbound, event, value))
            case routing.Refuse(reason, detail):
                self._refuse(inbound, event, reason, detail)
            case routing.Ignore() | routing.Move() | routing.Enter() | routing.Note():
                self._spawn(self._desk.answering.finish([inbound.id], Outcome.IGNORED))

    def _meet(self, person: str, event: MessageEvent) -> None:
        """Keep who somebody is, when they are new to this run or changed their name."""
        sender = event.sender
        if self._met.get(person) == sender:
            return
        self._met[person] = sender
        platform = event.address.platform
        self._spawn(self._desk.members.seen(person, platform, sender.name, sender.language))

    def _refuse(self, inbound: Inbound, event: MessageEvent, reason: str, limit: object) -> None:
        text = getattr(self._texts(event), reason).format(limit=limit)
        self._spawn(self._desk.answering.tell(event, text, inbound.id, reason))

    async def _run(self, inbound: Inbound, event: MessageEvent, name: str, arguments: str) -> None:
        texts = self._texts(event)
        role = access.role_of(event, self._desk.settings.access.owners)
        command = REGISTRY.get(name)
        if command is None:
            text = texts.unknown_command.format(name=name[:40])
            return await self._desk.answering.tell(event, text, inbound.id)
        if role < command.role:
            text = texts.not_allowed.format(name=name)
            return await self._desk.answering.tell(event, text, inbound.id)
        call = Invocation(
            inbound=inbound,
            event=event,
            arguments=arguments,
            session=inbound.event.session,
            person=inbound.event.person,
            role=role,
            texts=texts,
            desk=self._desk,
        )
        try:
            await command.run(call)
        except Exception:
            log.exception("command failed", command=name)
            await self._desk.answering.tell(event, texts.failed, inbound.id)
        return None

    async def _rate(self, inbound: Inbound, event: MessageEvent, value: int) -> None:
        """Keep an opinion about the turn whose answer the message is a part of."""
        place, memory = event.address, self._desk.memory
        parts = await memory.outbox.by_remote(place.platform, place.account, event.message_id)
        for part in parts:
            if part.to.session == inbound.event.session:
                person = person_key(place, event.sender.id)
                await memory.turns.rate(part.answer, person, value, [inbound.id])
                return
        await self._desk.answering.finish([inbound.id], Outcome.IGNORED)

    def _texts(self, event: MessageEvent) -> Texts:
        return texts_for(event.sender.language, self._desk.settings.bot.language)

    def _count(self, decided: Sequence[Decided], recorded: Recorded) -> None:
        repeated = set(recorded.repeated)
        for event_id in recorded.conflicting:
            log.warning("an event came again, changed; the first counts", event_id=event_id)
        for one in decided:
            if isinstance(one.action, routing.Ignore):
                outcome = "ignored"
            else:
                outcome = "repeated" if one.event.event_id in repeated else "recorded"
            event = one.event
            self._metrics.events.labels(event.address.platform, event.kind, outcome).inc()
