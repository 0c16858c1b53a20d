"""One event: clean → decide → allow → record → dispatch.

`emit` returns when the batch and its cursor are on disk; what follows from them happens after, in
`bot.dispatch`, and is taken up again from the inbox when the program did not get to it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ParamSpec

import structlog

from adapters.base import Cursor, Kind, MessageEvent
from bot import access, routing
from bot.access import Role
from bot.codec import from_record, person_key, session_key, to_record
from bot.commands import Desk
from bot.delivery import Spawn
from bot.dispatch import Dispatch
from bot.health import Metrics
from bot.hygiene import clean, clean_line, clean_name
from bot.roster import place_of
from storage.records import Inbound, Outcome, Recorded, Unavailable

log = structlog.get_logger(__name__)

ONCE = "once:"
"""Begins the id of an event whose sender waits on the line and won't ask for the answer again."""

PAIR = "pair"
"""The command that somebody unknown may give."""

Redact = Callable[[str], str]
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Decided:
    """An event, cleaned, and what it asks for."""

    event: MessageEvent
    action: routing.Action


class Pipeline:
    """The way of every event, from any platform."""

    def __init__(self, desk: Desk, spawn: Spawn, metrics: Metrics, redact: Redact = str) -> None:
        self._desk = desk
        self._metrics = metrics
        self._redact = redact
        self._dispatch = Dispatch(desk, spawn)
        self._closed = False

    def close(self) -> None:
        """Take nothing more: what is not acknowledged stays with its platform."""
        self._closed = True
        self._dispatch.close()

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
            one = actions[inbound.event.event_id]
            self._dispatch.act(inbound, one.event, one.action)
        return recorded

    async def recover(self, unfinished: Sequence[Inbound]) -> None:
        """Take up what an earlier run recorded and did not finish, before anything new comes."""
        for inbound in unfinished:
            if inbound.event.event_id.startswith(ONCE):
                await self._desk.answering.finish([inbound.id], Outcome.IGNORED)
                continue
            event = from_record(inbound.event)
            self._dispatch.act(inbound, event, await self._action(event, again=True))

    async def _decide(self, event: MessageEvent) -> Decided:
        quote = event.quote
        if quote:
            quote = replace(quote, author=clean_name(quote.author), text=self.redact(quote.text))
        sender = replace(event.sender, name=clean_name(event.sender.name))
        text, room_name = self.redact(event.text), clean_line(event.room_name)
        event = replace(event, sender=sender, quote=quote, text=text, room_name=room_name)
        action = await self._action(event)
        await self._look_ahead(event, action)
        if isinstance(action, routing.Refuse | routing.Hint | routing.Closed):
            event = replace(event, text="", quote=None, files=())
        return Decided(event, action)

    async def _look_ahead(self, event: MessageEvent, action: routing.Action) -> None:
        """What comes next in a batch is judged by what happened before it."""
        if isinstance(action, routing.Note):
            await self._dispatch.place(event, joined=action.joined)
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
            action = routing.Refuse("too_long", limit)
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
        room = place_of(event.address).key
        if asks and verdict is access.Verdict.CLOSED and self._desk.roster.hint_due(room):
            return routing.Closed()
        return routing.Ignore("not let in")

    def redact(self, text: str) -> str:
        """Text as it may be kept: no control over its reader, and nothing a policy forbids."""
        return self._redact(clean(text))

    def _session(self, event: MessageEvent) -> str:
        return session_key(event.address, by_thread=self._desk.settings.bot.by_thread)

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
