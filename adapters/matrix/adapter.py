"""The bot on Matrix: what `adapters.base` asks of a platform, put together."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from adapters.base import (
    AdapterError,
    Address,
    Attachment,
    AuthFailed,
    Cursor,
    Emit,
    Limits,
    MessageRef,
    Rendered,
)
from adapters.capabilities import Link, Menu
from adapters.matrix import media
from adapters.matrix.content import MAX_BODY_BYTES
from adapters.matrix.errors import SessionEnded
from adapters.matrix.http import Homeserver
from adapters.matrix.identity import Identities
from adapters.matrix.inbound import Inbound
from adapters.matrix.login import (
    Credentials,
    Session,
    SessionFile,
    new_device_id,
    sign_in,
    sign_out,
)
from adapters.matrix.machine import Machine
from adapters.matrix.menu import Suggestions
from adapters.matrix.outbound import TYPING_S, Outbound
from adapters.matrix.rooms import Rooms
from adapters.matrix.sync import Reading, Sync
from adapters.matrix.wire import PLATFORM
from adapters.matrix.words import PREFIX, Me

log = structlog.get_logger(__name__)

BURST = 10
MAX_EDITS = 10
"""A message with many edits makes its room slow for everybody in it."""


@dataclass(frozen=True, slots=True)
class MatrixSettings:
    """One account. `user` is its full id; keys and session are kept in `store_dir`.

    `messages_per_minute` is what the homeserver lets the account send (Synapse's `rc_message`).
    """

    homeserver: str
    user: str
    password: str = field(repr=False)
    store_dir: Path
    recovery_key: str = field(default="", repr=False)
    device_name: str = "Parley"
    messages_per_minute: int = 12
    bot_name: str = "Parley"


class MatrixAdapter:
    """One account on one homeserver."""

    name = PLATFORM

    def __init__(self, settings: MatrixSettings) -> None:
        self.account = account_of(settings.user)
        self.link = Link()
        self.limits = Limits(
            max_chars=MAX_BODY_BYTES,
            dialect="matrix",
            unit="bytes",
            edits_are_sends=True,
            max_edits=MAX_EDITS,
            edits_per_minute=settings.messages_per_minute,
            sends_per_minute=settings.messages_per_minute,
            all_sends_per_minute=settings.messages_per_minute,
            burst=BURST,
            typing_s=float(TYPING_S),
            command=f"{PREFIX} ",
        )
        self._settings = settings
        self._server = Homeserver(settings.homeserver)
        self._file = SessionFile(settings.store_dir)
        self._rooms = Rooms(self._server)
        self._outbound = Outbound(self._server, self._rooms)
        self._suggestions = Suggestions(self._server)
        self._machine: Machine | None = None
        self._inbound: Inbound | None = None
        self._note: str | None = None

    async def __aenter__(self) -> Self:
        await self._server.open()
        session = self._file.load()
        if session and self._is_whole(session):
            self._use(session)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._server.close()
        self._drop_machine()

    async def run(self, emit: Emit, cursor: Cursor | None) -> None:
        """Receive until cancelled.

        Raises `AuthFailed` when the account is refused, `RateLimited`, `Transient` or `Ambiguous`
        when the homeserver can't be reached.
        """
        try:
            session = await self._signed_in()
            machine = self._use(session)
            await machine.upkeep()
            await self._ensure_identity(session)
            await self._receive(session, machine, emit, cursor)
        except SessionEnded as error:
            self._end_session(soft=error.soft)
            self.link.set_refused(str(error))
            raise
        except AuthFailed as error:
            self.link.set_refused(str(error))
            raise
        except AdapterError as error:
            self.link.set_down(str(error))
            raise

    async def send(self, to: Address, body: Rendered, key: str) -> MessageRef:
        """Post a message; `key` is its transaction id."""
        ref = await self._outbound.send(to, body, key)
        if self._inbound:
            self._inbound.note_own(ref.remote_id, to.thread or "")
        return ref

    async def edit(self, ref: MessageRef, body: Rendered, key: str) -> None:
        """Replace a message's text."""
        await self._outbound.edit(ref, body, key)

    async def delete(self, ref: MessageRef) -> None:
        """Take a message back."""
        await self._outbound.delete(ref)

    async def find(self, to: Address, key: str, since: datetime) -> MessageRef | None:
        """The message sent under `key`."""
        return await self._outbound.find(to, key, since)

    async def typing(self, to: Address) -> None:
        """Show that an answer is being written."""
        await self._outbound.typing(to)

    async def send_file(self, to: Address, name: str, content: bytes, key: str) -> MessageRef:
        """Post a file."""
        return await self._outbound.send_file(to, name, content, key)

    async def fetch(self, file: Attachment, max_bytes: int) -> bytes:
        """A file's content, opened."""
        return await media.fetch(self._server, file, max_bytes)

    async def join(self, room: str) -> None:
        """Accept an invitation."""
        await self._server.post("v3", "join", room, body={})
        self._suggestions.joined()

    async def leave(self, room: str) -> None:
        """Decline an invitation, or go."""
        await self._server.post("v3", "rooms", room, "leave", body={})
        self._rooms.forget(room)

    async def offer(self, menu: Menu) -> None:
        """Suggest these commands in every room that lets the bot."""
        self._suggestions.offer(menu)

    async def check(self) -> str:
        """The bot's id and device there. Before the first start it signs in and out again."""
        session = self._file.load()
        if session is None:
            session = await sign_in(self._server, self._credentials, new_device_id())
            await sign_out(self._server, session)
            return f"{session.user_id}, which makes its device at the first start"
        self._server.token = session.access_token
        answer = await self._server.get("v3", "account", "whoami")
        return f"{answer.get('user_id')} on device {answer.get('device_id')}"

    async def _receive(
        self, session: Session, machine: Machine, emit: Emit, cursor: Cursor | None
    ) -> None:
        suggesting = asyncio.create_task(self._suggestions.run(session.user_id))
        try:
            await self._sync(session, machine).run(emit, cursor)
        finally:
            suggesting.cancel()
            await asyncio.wait({suggesting})

    async def _signed_in(self) -> Session:
        """The kept session with its keys, or a new device."""
        session = self._file.load()
        if session and self._is_whole(session):
            return session
        if session:
            log.warning("the keys of the bot's device are lost: it becomes a new one")
            await sign_out(self._server, session)
        self._drop_machine()
        session = await sign_in(self._server, self._credentials, new_device_id())
        Machine(self._server, session, self._settings.store_dir).close()
        self._file.save(session)
        return session

    @property
    def _credentials(self) -> Credentials:
        settings = self._settings
        return Credentials(settings.user, settings.password, settings.device_name)

    def _is_whole(self, session: Session) -> bool:
        is_ours = session.user_id == self._settings.user
        return is_ours and Machine.knows(session, self._settings.store_dir)

    def _use(self, session: Session) -> Machine:
        self._server.token = session.access_token
        if self._machine is None:
            self._machine = Machine(self._server, session, self._settings.store_dir)
        self._outbound.machine, self._outbound.user_id = self._machine, session.user_id
        return self._machine

    async def _ensure_identity(self, session: Session) -> None:
        if self._note is None:
            settings = self._settings
            identities = Identities(
                self._server, session, settings.password, settings.recovery_key, settings.store_dir
            )
            self._note = await identities.ensure()

    def _sync(self, session: Session, machine: Machine) -> Sync:
        me = self._me(session)
        if self._inbound is None:
            self._inbound = Inbound(self._server, machine, self._rooms, self.account, me)
        reading = Reading(self._server, machine, self._rooms, self._inbound)
        return Sync(reading, me, self.account, self._answered)

    def _end_session(self, *, soft: bool) -> None:
        """The next run signs in anew. Even a soft end makes a new device: it is rare enough."""
        log.warning("the homeserver ended the session", soft=soft)
        self._server.token = ""
        self._note = None
        self._file.forget()
        self._drop_machine()

    def _drop_machine(self) -> None:
        if self._machine:
            self._machine.close()
        self._machine = self._outbound.machine = self._inbound = None

    def _me(self, session: Session) -> Me:
        localpart = session.user_id[1:].partition(":")[0]
        return Me(session.user_id, (self._settings.bot_name, localpart))

    def _answered(self, received: bool) -> None:
        self.link.set_up()
        self.link.detail = self._note or ""
        if received:
            self.link.note_event()


def account_of(user: str) -> str:
    """`@parley:example.org:8448` → `parley@example.org_8448`: an account's name holds no colon."""
    localpart, _, server = user.removeprefix("@").partition(":")
    return f"{localpart}@{server.replace(':', '_')}"
