"""What is said to a session, and the question that it makes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from adapters.base import MessageEvent
from bot.codec import person_key
from bot.reply import Sink
from storage.records import Inbound, Turn, TurnMessage


@dataclass(eq=False, slots=True)
class Ask:
    """A message to be answered."""

    inbound: Inbound
    event: MessageEvent
    sink: Sink | None = None
    place: int = 0


@dataclass(eq=False, slots=True)
class Change:
    """An edit of a message, or its deletion (text None)."""

    inbound: Inbound
    event: MessageEvent
    text: str | None


@dataclass(eq=False, slots=True)
class Again:
    """Answer the last question again."""

    inbound: Inbound
    event: MessageEvent


@dataclass(eq=False, slots=True)
class Fresh:
    """Begin an empty window."""

    inbound: Inbound
    event: MessageEvent


@dataclass(eq=False, slots=True)
class Stop:
    """End the answer that is being written; the result says whether there was one."""

    result: asyncio.Future[bool]


@dataclass(eq=False, slots=True)
class Drop:
    """Abandon everything of a person's that is not committed."""

    person: str
    result: asyncio.Future[bool]


Entry = Ask | Change | Again | Fresh | Stop | Drop


@dataclass(slots=True)
class Question:
    """What is being answered: one or more messages of one person, or a turn once more.

    `read` are the events whose files were read, `notes` what their author is told of those;
    `computed_s` is how long the engine worked for it, in all its attempts.
    """

    answer: str
    event: MessageEvent
    since: datetime
    messages: list[TurnMessage]
    entries: list[Ask | Change | Again]
    turn: Turn | None = None
    sink: Sink | None = None
    notes: list[str] = field(default_factory=list[str])
    read: set[str] = field(default_factory=set[str])
    computed_s: float = 0.0
    dropped: list[asyncio.Future[bool]] = field(default_factory=list[asyncio.Future[bool]])

    @property
    def rows(self) -> list[int]:
        """The inbox rows that end with this answer."""
        return [entry.inbound.id for entry in self.entries]

    @property
    def person(self) -> str:
        """Whose turn it is."""
        if self.turn:
            return self.turn.person
        return person_key(self.event.address, self.event.sender.id)

    @property
    def asker(self) -> str:
        """Who wants the answer, and whose quota it takes."""
        return person_key(self.event.address, self.event.sender.id)

    @property
    def author(self) -> str:
        """The name the model sees."""
        return self.turn.author if self.turn else self.event.sender.name

    @property
    def text(self) -> str:
        """The question as the model sees it."""
        return "\n".join(message.text for message in self.messages)

    def replace(self, message_id: str, text: str) -> None:
        """Give one of the messages another text."""
        self.messages = replaced(self.messages, message_id, text)


def has(messages: Sequence[TurnMessage], message_id: str) -> bool:
    """Whether one of the messages has this id."""
    return any(message.message_id == message_id for message in messages)


def replaced(messages: Sequence[TurnMessage], message_id: str, text: str) -> list[TurnMessage]:
    """The messages, with another text for one of them."""
    return [
        TurnMessage(message_id, text) if message.message_id == message_id else message
        for message in messages
    ]


def with_quote(event: MessageEvent) -> str:
    """The text, under the message that it replies to."""
    if event.quote is None:
        return event.text
    quoted = "\n".join(
        f"> {line}" for line in f"{event.quote.author}: {event.quote.text}".split("\n")
    )
    return f"{quoted}\n\n{event.text}"
