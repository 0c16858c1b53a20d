"""The door between chat platforms and the bot: events in, messages out, and the error tree.

An adapter translates one platform's wire format and nothing else. What a message means, who may
ask, pacing, retries and persistence belong to `bot/`. The texts of an event are whole (`unicode`).

    AdapterError
    ├── RateLimited     the platform asks for patience; nothing was sent
    ├── Transient       a passing fault; nothing was sent, the same call may succeed later
    ├── Ambiguous       the request went out and no answer came: it may have been carried out
    ├── Rejected        the platform will never accept this call
    │   └── Gone        the message it is about is not there any more
    └── AuthFailed      the account itself is refused
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from adapters.unicode import mend

Cursor = str
"""Where an adapter stands in its platform's stream of events; opaque outside the adapter."""


class Kind(StrEnum):
    """What happened on the platform; `MessageEvent` says what each kind carries.

    INVITE: the bot was asked into a room. MOVED: a room goes on under another id. UNREADABLE: a
    message that the bot has no key for.
    """

    MESSAGE = "message"
    EDIT = "edit"
    DELETE = "delete"
    REACTION = "reaction"
    COMMAND = "command"
    MEMBERSHIP = "membership"
    INVITE = "invite"
    MOVED = "moved"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Address:
    """A place to write to: a room of `platform` as the bot's `account` sees it, or a thread in it.

    `account` holds no colon. `reply_to` is the message that is answered, where the platform can
    show that. `whisper` is the person who alone may see what is written here, where the platform
    has such messages; empty: everybody in the room. `hook` is the adapter's own note of a one-time
    way to answer, empty for most.
    """

    platform: str
    account: str
    room: str
    thread: str | None = None
    direct: bool = False
    reply_to: str = ""
    whisper: str = ""
    hook: str = ""

    def __post_init__(self) -> None:
        mend(self, self.__slots__)


OUTSIDE = "outside/"
"""Begins the id of somebody who belongs to another organisation than the bot's account."""


@dataclass(frozen=True, slots=True)
class Person:
    """Someone on a platform. `id` never changes; `language` is a BCP 47 tag, empty if unknown."""

    id: str
    name: str
    language: str = ""

    def __post_init__(self) -> None:
        mend(self, self.__slots__)


@dataclass(frozen=True, slots=True)
class Quote:
    """The message that another one replies to."""

    message_id: str
    author: str
    text: str
    from_bot: bool = False

    def __post_init__(self) -> None:
        mend(self, self.__slots__)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message. `id` is what its adapter needs to fetch it."""

    id: str
    name: str
    mime: str = ""
    size_bytes: int | None = None

    def __post_init__(self) -> None:
        mend(self, self.__slots__)


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """One thing that somebody did in a chat.

    `event_id` is unique within `(address.platform, address.account)`: the same event delivered
    twice carries the same id. `message_id` names the message that the event is, or that an edit,
    delete, reaction or pressed button is about. `addressed` is true when a message in a room
    mentions the bot or replies to it, and when a membership is the bot's own; who else is in a
    thread with the bot is not the adapter's to know. `room_name` is what people call the room.

    | kind | `text` | `sender` |
    |---|---|---|
    | message, edit | the body, Markdown or plain, without the mention of the bot | who wrote it |
    | command | name and arguments without the platform's prefix | who gave it or pressed a button |
    | reaction | `👍`, `👎` or another emoji; empty: taken back | who reacted |
    | membership | `join` or `leave` | who joined or left; if the bot did, who brought it about |
    | invite | empty | who invited |
    | moved | the room's former id; `address` is the new one | anybody |
    | delete, unreadable | empty | who deleted or wrote it |
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
    files: tuple[Attachment, ...] = ()
    room_name: str = ""

    def __post_init__(self) -> None:
        mend(self, self.__slots__)


Emit = Callable[[Sequence[MessageEvent], Cursor | None], Awaitable[None]]
"""Hands over a batch with the cursor after it; once it returned, both are on disk."""

Dialect = Literal["html", "markdown", "plain", "telegram", "slack", "matrix"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a platform allows. `max_chars` counts in `unit`s of the rendered text.

    Paces are calls a minute, 0 for no bound: in one direct chat (`sends`, `edits`), in one room
    (`room_sends`, where it differs), and over all chats (`all_sends`, `all_edits`). `burst` calls
    may come at once. `edits_are_sends`: an edit takes its place among the sends. `can_find`: what
    was sent under a key can be found again; where it can't, nothing but a placeholder is ever sent,
    and the text comes by an edit. `max_edits` bounds the edits of one message, 0 for no bound.
    `typing_s` is how long the platform shows a typing sign, 0 where there is none. `command` is
    what people write before a command's name.
    """

    max_chars: int
    dialect: Dialect
    unit: Literal["chars", "utf16", "bytes"] = "chars"
    can_edit: bool = True
    can_delete: bool = True
    can_find: bool = True
    edits_are_sends: bool = False
    max_edits: int = 0
    edits_per_minute: int = 60
    sends_per_minute: int = 60
    room_sends_per_minute: int = 0
    all_edits_per_minute: int = 0
    all_sends_per_minute: int = 0
    burst: int = 6
    typing_s: float = 5.0
    command: str = "/"


@dataclass(frozen=True, slots=True)
class Button:
    """Something to press below a message, and what it is called.

    Pressed, `stop` and `retry` are commands of these names, `good` and `bad` the reactions 👍 and
    👎, all about the message that the button stands below.
    """

    action: Literal["stop", "retry", "good", "bad"]
    label: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message body: `text` in the platform's dialect, `source` the Markdown it came from.

    `growing`: more of it is to come by edits; `text` then ends in a mark that says so, `source`
    does not.
    """

    text: str
    source: str
    growing: bool = False
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message of the bot's as the platform knows it."""

    address: Address
    remote_id: str


class Adapter(Protocol):
    """One account on one platform.

    What sending needs is made in the constructor or, for an async context manager, on entering,
    without any network traffic: deliveries begin before `run` and end after it.
    """

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
        """Replace the body of one of the bot's messages. Editing to the same body succeeds.

        Raises `Gone` when the message was deleted.
        """
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
    """No answer came: the platform may have carried the call out. Look with `find` first.

    It may still be at it for `settles_in_s` seconds; looking sooner proves nothing.
    """

    def __init__(self, message: str, settles_in_s: float = 0.0) -> None:
        super().__init__(message)
        self.settles_in_s = settles_in_s


class Rejected(AdapterError):
    """The platform will never accept this call, whatever is retried."""


class Gone(Rejected):
    """The message to edit is not there any more."""


class AuthFailed(AdapterError):
    """The platform refuses the account's credentials."""
