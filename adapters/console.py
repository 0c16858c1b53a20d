"""The terminal as a platform: one person at one end of a stream of JSON lines.

`parley chat` connects here through the control socket. The terminal sends `{"say": text, "id": …}`
with the text as typed (`/` begins a command), and gets `{"taken": id}` once the event is on disk,
then `wait`, `show` (the whole answer so far) and `post` or `revise` (a final text under its id).
A message for somebody whose terminal is closed waits until they attach again.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

from adapters.base import (
    Address,
    Cursor,
    Emit,
    Kind,
    Limits,
    MessageEvent,
    MessageRef,
    Person,
    Rendered,
    Transient,
)
from adapters.capabilities import Preview

PLATFORM = "console"
ACCOUNT = "local"


class Terminal:
    """One attached terminal."""

    def __init__(
        self, person: Person, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.person = person
        self._reader = reader
        self._writer = writer

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What the person says, until the terminal closes."""
        while line := await self._reader.readline():
            with suppress(json.JSONDecodeError):
                message = json.loads(line)
                if isinstance(message, dict):
                    yield cast("dict[str, Any]", message)

    async def tell(self, **message: object) -> None:
        """Write one message. Raises `Transient` when the terminal is gone."""
        try:
            self._writer.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")
            await self._writer.drain()
        except (ConnectionError, RuntimeError) as error:
            raise Transient("the terminal is closed") from error


class ConsoleAdapter:
    """All terminals of this machine that talk to the bot."""

    name = PLATFORM
    account = ACCOUNT
    limits = Limits(
        max_chars=1_000_000, dialect="plain", edits_per_minute=6_000, sends_per_minute=6_000
    )

    def __init__(self, on_attach: Callable[[], None] = lambda: None) -> None:
        self._on_attach = on_attach
        self._terminals: dict[str, Terminal] = {}
        self._emit: asyncio.Future[Emit] | None = None

    async def run(self, emit: Emit, cursor: Cursor | None) -> None:
        """Terminals come by `attach`; until cancelled, what they say goes to `emit`."""
        self._ready().set_result(emit)
        try:
            await asyncio.Event().wait()
        finally:
            self._emit = None

    async def attach(
        self, person: Person, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one terminal until it closes; a newer one of the same person takes its place."""
        terminal = self._terminals[person.id] = Terminal(person, reader, writer)
        emit = await asyncio.shield(self._ready())
        self._on_attach()
        try:
            async for message in terminal.messages():
                event = _event(person, message)
                if event:
                    await emit([event], None)
                    await terminal.tell(taken=message.get("id"))
        finally:
            if self._terminals.get(person.id) is terminal:
                del self._terminals[person.id]

    async def send(self, to: Address, body: Rendered, key: str) -> MessageRef:
        """Print a message. Raises `Transient` while no terminal is open."""
        await self._terminal(to).tell(post=body.source, id=key)
        return MessageRef(to, key)

    async def edit(self, ref: MessageRef, body: Rendered, key: str) -> None:
        """Print a message's new text."""
        await self._terminal(ref.address).tell(revise=body.source, id=ref.remote_id)

    async def delete(self, ref: MessageRef) -> None:
        """A terminal can't take back what it printed."""

    async def find(self, to: Address, key: str, since: datetime) -> MessageRef | None:
        """A terminal remembers nothing: what may have been printed is printed again."""
        return None

    async def typing(self, to: Address) -> None:
        """The preview shows it."""

    async def open_stream(self, to: Address, key: str) -> Preview:
        """An answer as it grows."""
        return TerminalPreview(self, to, key)

    async def show(self, to: Address, **message: object) -> None:
        """Print what is only passing; nobody may be there to see it."""
        terminal = self._terminals.get(to.room)
        if terminal:
            with suppress(Transient):
                await terminal.tell(**message)

    def _terminal(self, to: Address) -> Terminal:
        terminal = self._terminals.get(to.room)
        if terminal is None:
            raise Transient("no terminal is open")
        return terminal

    def _ready(self) -> asyncio.Future[Emit]:
        if self._emit is None:
            self._emit = asyncio.get_running_loop().create_future()
        return self._emit


@dataclass(frozen=True, slots=True)
class TerminalPreview:
    """An answer that is being written."""

    adapter: ConsoleAdapter
    to: Address
    key: str

    async def wait(self, place: int, eta_s: float | None) -> None:
        """Show the place in the line."""
        await self.adapter.show(self.to, wait=place, eta_s=eta_s, id=self.key)

    async def show(self, markdown: str) -> None:
        """Show the answer so far."""
        await self.adapter.show(self.to, show=markdown, id=self.key)

    async def close(self) -> None:
        """There will be no final text under this key."""
        await self.adapter.show(self.to, close=self.key)


def _event(person: Person, message: dict[str, Any]) -> MessageEvent | None:
    text, event_id = message.get("say"), message.get("id")
    if not isinstance(text, str) or not text.strip():
        return None
    is_command = text.startswith("/")
    event_id = event_id if isinstance(event_id, str) else str(uuid4())
    return MessageEvent(
        event_id=event_id,
        kind=Kind.COMMAND if is_command else Kind.MESSAGE,
        address=Address(PLATFORM, ACCOUNT, room=person.id, direct=True),
        sender=person,
        message_id=event_id,
        sent_at=datetime.now(UTC),
        text=text[1:] if is_command else text,
        addressed=True,
    )
