"""Where people talk, what they said, and what was shown when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.slack import blocks as reading

Block = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class File:
    """A stored file. `url` is private."""

    id: str
    name: str
    mime: str
    content: bytes
    url: str = ""

    def json(self) -> dict[str, Any]:
        """As a message shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "title": self.name,
            "mimetype": self.mime,
            "size": len(self.content),
            "url_private": self.url,
            "url_private_download": self.url,
        }


@dataclass(frozen=True, slots=True)
class Version:
    """What a message showed at some time; `streamed` is Markdown."""

    text: str
    blocks: Sequence[Block] = ()
    streamed: str = ""
    edited: str = ""

    @property
    def seen(self) -> str:
        """What can be read."""
        parts = [reading.read(self.streamed)] if self.streamed else []
        if self.blocks:
            parts.append(reading.seen(self.blocks))
        return "\n\n".join(filter(None, parts)) if parts else reading.plain(self.text)

    @property
    def source(self) -> str:
        """What was sent."""
        parts = [self.streamed, reading.source(self.blocks)]
        return "\n\n".join(filter(None, parts)) or self.text


@dataclass(slots=True)
class Message:
    """A message with all that it ever showed. `whisper` is the one person who sees it."""

    channel: "Channel"
    ts: str
    user: str
    versions: list[Version]
    thread_ts: str = ""
    bot_id: str = ""
    metadata: Mapping[str, Any] | None = None
    streaming_state: str = ""
    started_at: float = 0.0
    files: tuple[File, ...] = ()
    deleted: bool = False
    whisper: str = ""
    reactions: dict[str, set[str]] = field(default_factory=dict[str, set[str]])

    @property
    def now(self) -> Version:
        """What it shows."""
        return self.versions[-1]

    @property
    def is_bot(self) -> bool:
        """Whether the bot wrote it."""
        return bool(self.bot_id)

    @property
    def name(self) -> str:
        """Its id in the whole world."""
        return f"{self.channel.id}/{self.ts}"


@dataclass(slots=True)
class Channel:
    """A place to talk. `statuses` are those of its assistant's threads.

    `guests` are the people of other workspaces (Slack Connect), and their teams.
    """

    id: str
    name: str
    team: str
    members: set[str]
    is_direct: bool = False
    is_archived: bool = False
    messages: list[Message] = field(default_factory=list[Message])
    whispers: list[Message] = field(default_factory=list[Message])
    statuses: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    guests: dict[str, str] = field(default_factory=dict[str, str])

    def find(self, ts: str) -> Message | None:
        """A message that is there."""
        return next((each for each in self.messages if each.ts == ts and not each.deleted), None)

    def has_replies(self, message: Message) -> bool:
        """Whether a thread hangs below it."""
        return any(
            each.thread_ts == message.ts and each is not message and not each.deleted
            for each in self.messages
        )

    def json(self) -> dict[str, Any]:
        """As `conversations.info` shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "is_im": self.is_direct,
            "is_channel": not self.is_direct,
            "is_archived": self.is_archived,
            "is_member": True,
        }
