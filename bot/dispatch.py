"""What follows from a recorded event: a session is asked, a command run, a room entered.

What fails for now is tried again until it is done; what is not done at the end is left for the next
start, which reads it in the inbox.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import ParamSpec

import structlog
import tenacity

from adapters.base import AdapterError, MessageEvent, Person, Rejected
from adapters.capabilities import Invitable
from bot import routing
from bot.access import Role
from bot.change import NOTHING
from bot.change import Change as Kept
from bot.codec import address_of, answer_key, person_key
from bot.commands import REGISTRY, Desk, Invocation
from bot.delivery import Spawn
from bot.patience import is_passing, pause_s
from bot.question import Ask, Change
from bot.roster import place_of
from bot.texts import Texts, texts_for
from storage.records import AuditEntry, Inbound, Outcome, StorageError
from storage.statement import Step

log = structlog.get_logger(__name__)

P = ParamSpec("P")


class Dispatch:
    """Acts on recorded events."""

    def __init__(self, desk: Desk, spawn: Spawn) -> None:
        self._desk = desk
        self._spawn = spawn
        self._closed = asyncio.Event()
        self._met: dict[str, Person] = {}

    def close(self) -> None:
        """Try nothing again."""
        self._closed.set()

    def act(self, inbound: Inbound, event: MessageEvent, action: routing.Action) -> None:
        """Do what a recorded event asks for."""
        key = inbound.event.session
        self._meet(inbound.event.person, event)
        platform, kind = event.address.platform, event.kind.value
        log.info("received", message=answer_key(event), platform=platform, kind=kind)
        match action:
            case routing.Hint():
                self._hint(inbound, event)
            case routing.Closed():
                self._tell_closed(inbound, event)
            case routing.Answer() if self._desk.sessions.is_full(key):
                self._refuse(inbound, event, "too_many_waiting", self._desk.answering.max_waiting)
            case routing.Answer():
                self._desk.sessions.post(key, Ask(inbound, event))
            case routing.Amend():
                self._desk.sessions.post(key, Change(inbound, event, event.text))
            case routing.Remove():
                self._desk.sessions.post(key, Change(inbound, event, None))
            case routing.Run(name, arguments):
                self._begin(self._run, inbound, event, name, arguments)
            case routing.Rate(value):
                self._begin(self._rate, inbound, event, value)
            case routing.Refuse(reason, limit):
                self._refuse(inbound, event, reason, limit)
            case routing.Move(former_room):
                self._begin(self._move, inbound, event, former_room)
            case routing.Enter():
                self._begin(self._enter, inbound, event)
            case routing.Note():  # kept before it was recorded
                self._begin(self._desk.answering.finish, [inbound.id], Outcome.DONE)
            case routing.Ignore():
                self._begin(self._desk.answering.finish, [inbound.id], Outcome.IGNORED)

    def _begin(self, work: Callable[P, Awaitable[None]], *args: P.args, **named: P.kwargs) -> None:
        self._spawn(self._see_through(partial(work, *args, **named)))

    async def _see_through(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do what an event asks for, again while a fault passes; at the end it is left for the
        next start.
        """
        retrying = tenacity.AsyncRetrying(
            sleep=self._pause,
            wait=pause_s,
            stop=lambda _: self._closed.is_set(),
            retry=tenacity.retry_if_exception(_may_pass),
            reraise=True,
        )
        try:
            await retrying(work)
        except (AdapterError, StorageError) as error:
            log.warning("an event waits for the next start", error=str(error))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()

    def _hint(self, inbound: Inbound, event: MessageEvent) -> None:
        """Tell somebody unknown how to be let in, and what to name to an administrator."""
        person, name = inbound.event.person, self._desk.settings.bot.name
        hint = self._texts(event).pairing_hint
        text = hint.format(name=name, person=person, sign=self._desk.sign(event.address))
        self._tell_once(inbound, event, person, text)

    def _tell_closed(self, inbound: Inbound, event: MessageEvent) -> None:
        """Tell a room that nobody allowed it; administrators find it among the rooms."""
        met = self._desk.roster.meet_room(event.address, event.room_name)
        about = place_of(event.address).key
        text = self._texts(event).room_closed.format(sign=self._desk.sign(event.address))
        self._tell_once(inbound, event, about, text, met)

    def _tell_once(
        self, inbound: Inbound, event: MessageEvent, about: str, text: str, change: Kept = NOTHING
    ) -> None:
        """Tell a person or a room something once a day, written down in the same commit."""
        if not self._desk.roster.hint_due(about):
            return self._begin(self._desk.answering.finish, [inbound.id], Outcome.IGNORED)
        entry = AuditEntry(inbound.event.person, "ask", about, outcome="denied")
        steps = (self._desk.roster.hint(about), self._desk.audit.adding(entry))
        told = Kept((*change.steps, *steps), change.apply)
        return self._begin(self._tell, event, text, inbound.id, told)

    async def _tell(self, event: MessageEvent, text: str, row: int, change: Kept) -> None:
        await self._desk.answering.tell(event, text, row, "hint", change.steps)
        change.apply()

    async def _move(self, inbound: Inbound, event: MessageEvent, former_room: str) -> None:
        present = place_of(event.address)
        former = replace(present, room=former_room)
        entry = AuditEntry(inbound.event.person, "room moved", former.key, "{}")
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
            await self.place(event, joined=True)
        await self._desk.answering.finish([inbound.id], Outcome.DONE)

    async def place(self, event: MessageEvent, *, joined: bool) -> None:
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
        entries = [AuditEntry(person, "allow", room.place.key)]
        newly = room.allowed and not before.allowed
        await roster.make(roster.put_room(room, *(entries if newly else [])))

    def _role(self, event: MessageEvent) -> Role:
        return self._desk.roster.role(event)

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
        self._begin(self._desk.answering.tell, event, text, inbound.id, reason)

    async def _run(self, inbound: Inbound, event: MessageEvent, name: str, arguments: str) -> None:
        texts = self._texts(event)
        role = self._role(event)
        command = REGISTRY.get(name)
        if command is None:
            sign = self._desk.sign(event.address)
            text = texts.unknown_command.format(name=name[:40], sign=sign)
            return await self._desk.answering.tell(event, text, inbound.id)
        if role < command.role:
            text = texts.not_allowed.format(name=name)
            steps: list[Step] = []
            if command.role >= Role.ADMIN:
                action = " ".join([name, *arguments.split()[:1]])
                steps = [
                    self._desk.audit.adding(
                        AuditEntry(inbound.event.person, action, outcome="denied")
                    )
                ]
            return await self._desk.answering.tell(event, text, inbound.id, also=steps)
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
        except StorageError:
            raise
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


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, StorageError) or is_passing(error)
