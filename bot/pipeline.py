"""One event: clean → decide → allow → record → dispatch.

`emit` returns when the batch and its cursor are on disk; what follows from them happens after, and
is taken up again from the inbox when the program did not get to it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from adapters.base import Cursor, Invitable, Kind, MessageEvent, Person, Rejected
from bot import access, routing
from bot.access import Role
from bot.codec import address_of, answer_key, from_record, person_key, session_key, to_record
from bot.commands import REGISTRY, Desk, Invocation
from bot.delivery import Spawn
from bot.health import Metrics
from bot.hygiene import clean, clean_name
from bot.question import Ask, Change
from bot.roster import place_of
from bot.texts import Texts, texts_for
from storage.records import AuditEntry, Inbound, Outcome, Place, Recorded, Unavailable

log = structlog.get_logger(__name__)

ONCE = "once:"
"""Begins the id of an event whose sender waits on the line and won't ask for the answer again."""

PAIR = "pair"
"""The command that somebody unknown may give."""

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
        decided = [await self._decide(event) for event in events]
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

    async def recover(self, unfinished: Sequence[Inbound]) -> None:
        """Take up what an earlier run recorded and did not finish, before anything new comes."""
        for inbound in unfinished:
            if inbound.event.event_id.startswith(ONCE):
                await self._desk.answering.finish([inbound.id], Outcome.IGNORED)
                continue
            event = from_record(inbound.event)
            self._dispatch(inbound, Decided(event, await self._action(event, again=True)))

    async def _decide(self, event: MessageEvent) -> Decided:
        quote = event.quote
        if quote:
            quote = replace(quote, author=clean_name(quote.author), text=self.redact(quote.text))
        sender = replace(event.sender, name=clean_name(event.sender.name))
        event = replace(event, sender=sender, quote=quote, text=self.redact(event.text))
        action = await self._action(event)
        await self._look_ahead(event, action)
        if isinstance(action, routing.Refuse | routing.Hint | routing.Closed):
            event = replace(event, text="", quote=None, files=())
        return Decided(event, action)

    async def _look_ahead(self, event: MessageEvent, action: routing.Action) -> None:
        """What comes next in a batch is judged by what happened before it."""
        if isinstance(action, routing.Note):
            await self._place(event, joined=action.joined)
        elif isinstance(action, routing.Move):
            self._desk.roster.foresee(place_of(event.address), action.former_room)

    async def _action(self, event: MessageEvent, *, again: bool = False) -> routing.Action:
        """What an event asks for, as far as its sender may ask it there.

        `again`: it was recorded before; what was not taken then is stored without its text.
        """
        if not event.addressed and await self._is_meant(event):
            event = replace(event, addressed=True)
        limit = self._desk.settings.bot.max_message_chars
        action = routing.decide(event, max_chars=limit)
        is_text = event.kind in (Kind.MESSAGE, Kind.EDIT)
        if again and is_text and not (event.text or event.files):
            action = routing.Refuse("too_long", str(limit))
        if isinstance(action, routing.Move | routing.Note | routing.Enter):
            return action
        verdict = self._verdict(event, action)
        return action if verdict is access.Verdict.ALLOW else self._turned_away(event, verdict)

    async def _is_meant(self, event: MessageEvent) -> bool:
        """Whether a message in a room is for the bot though it does not name it."""
        address, roster = event.address, self._desk.roster
        if address.direct or event.kind not in (Kind.MESSAGE, Kind.EDIT):
            return False
        if roster.room(address).every_message:
            return True
        if not (address.thread and self._desk.settings.bot.by_thread):
            return False
        key = self._session(event)
        return self._desk.sessions.is_busy(key) or await roster.knows_thread(key)

    def _verdict(self, event: MessageEvent, action: routing.Action) -> access.Verdict:
        roster, address = self._desk.roster, event.address
        role = roster.role(event)
        if isinstance(action, routing.Run):
            is_pairing = action.name == PAIR and address.direct and role is not Role.BLOCKED
            if is_pairing or role >= Role.ADMIN:
                return access.Verdict.ALLOW
        if isinstance(action, routing.Ignore):
            return access.Verdict.ALLOW  # nothing comes of it
        if isinstance(action, routing.Remove) and role is not Role.UNKNOWN:
            return access.Verdict.ALLOW  # who may not ask may still take back
        addressed = event.addressed or event.kind is Kind.COMMAND
        allowed = roster.is_allowed(address)
        return access.admit(role, address, allowed=allowed, addressed=addressed)

    def _turned_away(self, event: MessageEvent, verdict: access.Verdict) -> routing.Action:
        asks = event.kind in (Kind.MESSAGE, Kind.COMMAND)
        person = person_key(event.address, event.sender.id)
        if asks and verdict is access.Verdict.HINT and self._desk.roster.hint_due(person):
            return routing.Hint()
        room = self._room(event)
        if asks and verdict is access.Verdict.CLOSED and self._desk.roster.hint_due(room):
            return routing.Closed()
        return routing.Ignore("not let in")

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
            case routing.Hint():
                self._spawn(self._hint(inbound, event))
            case routing.Closed():
                self._spawn(self._close(inbound, event))
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
            case routing.Move(former_room):
                self._spawn(self._move(inbound, event, former_room))
            case routing.Enter():
                self._spawn(self._enter(inbound, event))
            case routing.Note():  # kept before it was recorded
                self._spawn(self._desk.answering.finish([inbound.id], Outcome.DONE))
            case routing.Ignore():
                self._spawn(self._desk.answering.finish([inbound.id], Outcome.IGNORED))

    async def _hint(self, inbound: Inbound, event: MessageEvent) -> None:
        """Tell somebody unknown how to be let in, and what to name to an administrator."""
        person = inbound.event.person
        text = self._texts(event).pairing_hint.format(
            name=self._desk.settings.bot.name, person=person
        )
        await self._tell_once(inbound, event, person, text)

    async def _close(self, inbound: Inbound, event: MessageEvent) -> None:
        """Tell a room that nobody allowed it; administrators find it among the rooms."""
        await self._desk.roster.meet_room(event.address, event.room_name)
        await self._tell_once(inbound, event, self._room(event), self._texts(event).room_closed)

    async def _tell_once(
        self, inbound: Inbound, event: MessageEvent, about: str, text: str
    ) -> None:
        """Tell a person or a room something once a day, written down in the same commit."""
        if not self._desk.roster.hint_due(about):
            return await self._desk.answering.finish([inbound.id], Outcome.IGNORED)
        entry = AuditEntry(inbound.event.person, "ask", about, outcome="denied")
        steps = [self._desk.roster.hint(about), self._desk.audit.adding(entry)]
        return await self._desk.answering.tell(event, text, inbound.id, "hint", steps)

    async def _move(self, inbound: Inbound, event: MessageEvent, former_room: str) -> None:
        present = place_of(event.address)
        former = replace(present, room=former_room)
        entry = AuditEntry(inbound.event.person, "room moved", _named(former), "{}")
        await self._desk.roster.move_room(former, present, inbound.id, entry)
        self._desk.sessions.reload(inbound.event.session)
        log.info("a room moved", platform=present.platform)

    async def _enter(self, inbound: Inbound, event: MessageEvent) -> None:
        """Accept an invitation of somebody who may ask, and anybody's to a chat of their own."""
        address = event.address
        adapter = self._desk.adapters.get((address.platform, address.account))
        welcome = self._role(event) >= Role.GUEST
        welcome = welcome or (address.direct and self._role(event) is not Role.BLOCKED)
        if isinstance(adapter, Invitable):
            try:
                await (adapter.join(address.room) if welcome else adapter.leave(address.room))
            except Rejected as error:
                log.warning("an invitation came to nothing", why=str(error))
        if welcome:
            await self._place(event, joined=True)
        await self._desk.answering.finish([inbound.id], Outcome.DONE)

    async def _place(self, event: MessageEvent, *, joined: bool) -> None:
        """Keep where the bot is; an administrator who brings it in allows the room thereby."""
        if event.address.direct:
            return
        roster = self._desk.roster
        before = roster.room(event.address)
        by_admin = joined and self._role(event) >= Role.ADMIN
        room = replace(
            before,
            title=event.room_name or before.title,
            present=joined,
            allowed=before.allowed or by_admin,
        )
        person = person_key(event.address, event.sender.id)
        entries = [AuditEntry(person, "allow", _named(room.place))]
        await roster.put_room(room, *(entries if room.allowed and not before.allowed else []))

    def _role(self, event: MessageEvent) -> Role:
        return self._desk.roster.role(event)

    def _room(self, event: MessageEvent) -> str:
        return _named(place_of(event.address))

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
        role = self._role(event)
        command = REGISTRY.get(name)
        if command is None:
            text = texts.unknown_command.format(name=name[:40])
            return await self._desk.answering.tell(event, text, inbound.id)
        if role < command.role:
            if command.role >= Role.ADMIN:
                action = " ".join([name, *arguments.split()[:1]])
                entry = AuditEntry(inbound.event.person, action, outcome="denied")
                await self._desk.audit.add(entry)
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
            if address_of(part.to).room == place.room:
                person = person_key(place, event.sender.id)
                also = memory.ready.judged(part.answer, value)
                await memory.turns.rate(part.answer, person, value, [inbound.id], also)
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


def _named(place: Place) -> str:
    return f"{place.platform}:{place.account}:{place.room}"
