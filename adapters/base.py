"""The door between chat platforms and the bot: events in, messages out, and the error tree.

An adapter translates one platform's wire format and nothing else. What a message means, who may
ask, pacing, retries and persistence belong to `bot/`.

    AdapterError
    ├── RateLimited     the platform asks for patience; nothing was sent
    ├── Transient       a passing fault; nothing was sent, the same call may succeed later
    ├── Ambiguous       the request went out and no answer came: it may have been carried out
    ├── Rejected        the platform will never accept this call
    └── AuthFailed      the account itself is refused
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

Cursor = str
"""Where an adapter stands in its platform's stream of events; opaque outside the adapter."""


class Kind(StrEnum):
    """What happened on the platform."""

    MESSAGE = "message"
    EDIT = "edit"
    DELETE = "delete"
    REACTION = "reaction"
    COMMAND = "command"
    MEMBERSHIP = "membership"


@dataclass(frozen=True, slots=True)
class Address:
    """A place to write to: a room of `platform` as the bot's `account` sees it, or a thread in it.

    `reply_to` is the message that is answered, where the platform can show that.
    """

    platform: str
    account: str
    room: str
    thread: str | None = None
    direct: bool = False
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Someone on a platform. `id` never changes; `language` is a BCP 47 tag, empty if unknown."""

    id: str
    name: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    """The message that another one replies to."""

    message_id: str
    author: str
    text: str
    from_bot: bool = False


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """One thing that somebody did in a chat.

    `event_id` is unique within `(address.platform, address.account)`: the same event delivered
    twice carries the same id. `message_id` names the message that the event is, or that an edit,
    delete or reaction is about. `text` is the body of a message or its new body after an edit, the
    name and arguments of a command without the platform's prefix, the emoji of a reaction, and
    `join` or `leave` for a membership. `addressed` is true when a message in a room mentions the
    bot, replies to it or stands in a thread the bot is in.
    """

    event_id: str
    kind: Kind
    address: Address
    sender: Person
    message_id: str
    sent_at: datetime
    text: str = ""
    addressed: bool = False
    quote: Quote | None = None


Emit = Callable[[Sequence[MessageEvent], Cursor | None], Awaitable[None]]
"""Hands over a batch with the cursor after it; once it returned, both are on disk."""

Dialect = Literal["html", "markdown", "plain"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a platform allows. `max_chars` counts in `unit`s of the rendered text."""

    max_chars: int
    dialect: Dialect
    unit: Literal["chars", "utf16", "bytes"] = "chars"
    can_edit: bool = True
    can_delete: bool = True
    edits_per_minute: int = 60
    sends_per_minute: int = 60


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message body: `text` in the platform's dialect, `source` the Markdown it came from."""

    text: str
    source: str


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message of the bot's as the platform knows it."""

    address: Address
    remote_id: str


class Adapter(Protocol):
    """One account on one platform."""

    @property
    def name(self) -> str:
        """The platform, as in `Address.platform`."""
        ...

    @property
    def account(self) -> str:
        """The bot's account, as in `Address.account`."""
        ...

    @property
    def limits(self) -> Limits: ...

    async def run(self, emit: Emit, cursor: Cursor | None) -> None:
        """Receive until cancelled; confirm events to the platform only after `emit` returned."""
        ...

    async def send(self, to: Address, body: Rendered, key: str) -> MessageRef:
        """Post a message. `key` is unique to it and the same on every attempt."""
        ...

    async def edit(self, ref: MessageRef, body: Rendered, key: str) -> None:
        """Replace the body of one of the bot's messages. Editing to the same body succeeds."""
        ...

    async def delete(self, ref: MessageRef) -> None:
        """Remove one of the bot's messages. Removing what is gone succeeds."""
        ...

    async def find(self, to: Address, key: str, since: datetime) -> MessageRef | None:
        """The message posted under `key` after `since`, if the platform has it."""
        ...

    async def typing(self, to: Address) -> None:
        """Show that an answer is being written."""
        ...


class Preview(Protocol):
    """An answer that grows before people's eyes; what it shows is not kept by the platform."""

    async def wait(self, place: int, eta_s: float | None) -> None:
        """Show the place in the queue, from 1, and the seconds it may take, if known."""
        ...

    async def show(self, markdown: str) -> None:
        """Show the whole answer so far."""
        ...

    async def close(self) -> None:
        """Take the preview away; the message posted under its key replaces it, if there is one."""
        ...


@runtime_checkable
class Streams(Protocol):
    """An adapter whose platform can show an answer while it grows without editing a message."""

    async def open_stream(self, to: Address, key: str) -> Preview: ...


@runtime_checkable
class Files(Protocol):
    """An adapter that can post a file."""

    async def send_file(self, to: Address, name: str, content: bytes, key: str) -> MessageRef: ...


@runtime_checkable
class Keeps(Protocol):
    """An adapter whose platform is Parley's own and keeps what people write there."""

    async def export(self, person: str) -> object:
        """What the platform keeps of `person`, ready for JSON."""
        ...

    async def forget(self, person: str) -> int:
        """Erase what `person` wrote and was answered; return how many messages that were."""
        ...


class AdapterError(Exception):
    """A platform call that did not succeed."""


class RateLimited(AdapterError):
    """The platform refuses for now; try again after `retry_after_s` seconds."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Transient(AdapterError):
    """A passing fault before the platform took the call."""


class Ambiguous(AdapterError):
    """No answer came: the platform may have carried the call out. Look with `find` first."""


class Rejected(AdapterError):
    """The platform will never accept this call, whatever is retried."""


class AuthFailed(AdapterError):
    """The platform refuses the account's credentials."""
