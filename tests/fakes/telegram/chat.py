"""Accounts, chats and messages as the Bot API shows them, with all that they ever showed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import time
from typing import Any, Literal

DRAFT_S = 30
"""How long a draft shows (Bot API, sendMessageDraft)."""

ChatType = Literal["private", "group", "supergroup"]


@dataclass(frozen=True, slots=True)
class User:
    """An account."""

    id: int
    first_name: str
    username: str
    is_bot: bool = False
    language_code: str = "en"

    def json(self) -> dict[str, Any]:
        """As the Bot API shows it."""
        shown: dict[str, Any] = {
            "id": self.id,
            "is_bot": self.is_bot,
            "first_name": self.first_name,
            "username": self.username,
        }
        return shown if self.is_bot else {**shown, "language_code": self.language_code}


@dataclass(frozen=True, slots=True)
class File:
    """A stored file."""

    id: str
    name: str
    mime: str
    content: bytes
    kind: Literal["document", "photo"] = "document"


@dataclass(frozen=True, slots=True)
class Version:
    """What a message showed at some time. `raw` is what was sent, `mode` how it was read."""

    text: str
    entities: tuple[Mapping[str, Any], ...] = ()
    raw: str = ""
    mode: str = ""
    keyboard: tuple[tuple[Mapping[str, Any], ...], ...] = ()


@dataclass(slots=True)
class Message:
    """A message with all that it ever showed."""

    id: int
    chat: "Chat"
    author: User
    versions: list[Version]
    date: int
    thread: int | None = None
    reply_to: "Message | None" = None
    file: File | None = None
    service: Mapping[str, Any] = field(default_factory=dict[str, Any])
    edit_date: int | None = None
    deleted: bool = False
    reactions: dict[int, tuple[str, ...]] = field(default_factory=dict[int, tuple[str, ...]])

    @property
    def now(self) -> Version:
        """What it shows."""
        return self.versions[-1]

    @property
    def name(self) -> str:
        """Its id in the whole world."""
        return f"{self.chat.id}/{self.id}"

    def json(self, *, with_reply: bool = True) -> dict[str, Any]:
        """As the Bot API shows it."""
        shown: dict[str, Any] = {
            "message_id": self.id,
            "date": self.date,
            "chat": self.chat.json(),
            "from": self.author.json(),
            **self.service,
        }
        if self.edit_date:
            shown["edit_date"] = self.edit_date
        if self.thread:
            shown |= {"message_thread_id": self.thread, "is_topic_message": True}
        if with_reply and self.reply_to and not self.reply_to.deleted:
            shown["reply_to_message"] = self.reply_to.json(with_reply=False)
        return shown | self._content()

    def _content(self) -> dict[str, Any]:
        text = "caption" if self.file else "text"
        shown: dict[str, Any] = {}
        if self.now.text:
            shown[text] = self.now.text
            if self.now.entities:
                kind = "caption_entities" if self.file else "entities"
                shown[kind] = [dict(entity) for entity in self.now.entities]
        if self.file:
            shown[self.file.kind] = _file_json(self.file)
        if self.now.keyboard:
            rows = [[dict(button) for button in row] for row in self.now.keyboard]
            shown["reply_markup"] = {"inline_keyboard": rows}
        return shown


@dataclass(slots=True)
class Draft:
    """A preview of an answer, with all that it showed and when it did so last."""

    versions: list[Version]
    at: float

    @property
    def is_shown(self) -> bool:
        """Whether it did not fade yet."""
        return time() - self.at < DRAFT_S


@dataclass(slots=True)
class Chat:
    """A place to talk. `moved_to` is the supergroup that a group became."""

    id: int
    type: ChatType
    title: str = ""
    person: User | None = None
    members: set[int] = field(default_factory=set[int])
    has_bot: bool = True
    bot_is_admin: bool = False
    is_forum: bool = False
    blocked: bool = False
    moved_to: int | None = None
    messages: list[Message] = field(default_factory=list[Message])
    drafts: dict[int, Draft] = field(default_factory=dict[int, Draft])
    old_drafts: list[Draft] = field(default_factory=list[Draft])
    actions: list[str] = field(default_factory=list[str])

    def json(self) -> dict[str, Any]:
        """As the Bot API shows it."""
        if self.person:
            person = self.person
            shown = {"first_name": person.first_name, "username": person.username}
            return {"id": self.id, "type": self.type, **shown}
        forum = {"is_forum": True} if self.is_forum else {}
        return {"id": self.id, "type": self.type, "title": self.title, **forum}

    def find(self, message_id: int) -> Message | None:
        """A message that stands there."""
        for message in self.messages:
            if message.id == message_id and not message.deleted:
                return message
        return None


def buttons(version: Version) -> list[str]:
    """What can be pressed below a message."""
    return [button["callback_data"] for row in version.keyboard for button in row]


def _file_json(file: File) -> Any:
    shown = {"file_id": file.id, "file_unique_id": file.id, "file_size": len(file.content)}
    if file.kind == "document":
        return {**shown, "file_name": file.name, "mime_type": file.mime}
    small = {**shown, "file_id": f"{file.id}-small", "width": 90, "height": 60, "file_size": 9}
    return [small, {**shown, "width": 1280, "height": 853}]
