"""People, chats and messages: what people do there, which updates that makes, and what they see."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from time import time
from typing import Any, Literal

from tests.fakes.telegram.entities import detected
from tests.fakes.telegram.queue import Queue

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


@dataclass(slots=True)
class World:
    """Everything outside of the bot. `privacy` keeps it from hearing all that groups say."""

    bot: User = field(
        default_factory=lambda: User(424242, "Parley", "parley_test_bot", is_bot=True)
    )
    privacy: bool = True
    queue: Queue = field(default_factory=Queue)
    people: dict[str, User] = field(default_factory=dict[str, User])
    chats: dict[int, Chat] = field(default_factory=dict[int, Chat])
    files: dict[str, File] = field(default_factory=dict[str, File])
    answered_buttons: list[str] = field(default_factory=list[str])
    open_buttons: set[str] = field(default_factory=set[str])
    _ids: "count[int]" = field(default_factory=lambda: count(1000))

    def person(self, name: str) -> User:
        """Somebody by their name; there from now on, with their chat with the bot."""
        if name not in self.people:
            user = self.people[name] = User(next(self._ids), name, name)
            self.chats[user.id] = Chat(user.id, "private", person=user, members={user.id})
        return self.people[name]

    def direct(self, name: str) -> Chat:
        """The person's chat with the bot."""
        return self.chats[self.person(name).id]

    def group(self, *names: str, kind: ChatType = "supergroup", forum: bool = False) -> Chat:
        """A new group with these people and the bot."""
        number = next(self._ids)
        chat_id = -1_000_000_000_000 - number if kind == "supergroup" else -number
        members = {self.person(name).id for name in names}
        chat = Chat(chat_id, kind, f"Room {number}", members=members, is_forum=forum)
        self.chats[chat.id] = chat
        return chat

    def topic(self, chat: Chat, title: str) -> int:
        """A new topic of a forum; its thread id is that of the message that tells of it."""
        author = self._anybody(chat)
        message = self._add(chat, author, Version(""))
        message.service = {"forum_topic_created": {"name": title, "icon_color": 7322096}}
        message.thread = message.id
        self.queue.put("message", message.json())
        return message.id

    def say(
        self,
        name: str,
        chat: Chat,
        text: str,
        *,
        reply_to: int | None = None,
        thread: int | None = None,
        file: File | None = None,
        entities: Sequence[Mapping[str, Any]] = (),
    ) -> Message:
        """A person writes; the bot hears of it if it may."""
        version = Version(text, tuple(detected(text)) + tuple(entities))
        message = self._add(chat, self.person(name), version)
        message.thread, message.file = thread, file
        replied = reply_to or thread  # all in a topic replies to its beginning
        message.reply_to = chat.find(replied) if replied else None
        if file:
            self.files[file.id] = file
        if self.hears(message):
            self.queue.put("message", message.json())
        return message

    def edit(self, name: str, chat: Chat, message_id: int, text: str) -> None:
        """A person changes what they wrote."""
        message = chat.find(message_id)
        assert message is not None
        assert message.author == self.person(name)
        message.versions.append(Version(text, tuple(detected(text))))
        message.edit_date = int(time())
        if self.hears(message):
            self.queue.put("edited_message", message.json())

    def delete(self, chat: Chat, message_id: int) -> None:
        """A person deletes a message; bots are not told."""
        message = chat.find(message_id)
        assert message is not None
        message.deleted = True

    def react(self, name: str, chat: Chat, message_id: int, *emoji: str) -> None:
        """A person's reactions to a message are these from now on."""
        message, person = chat.find(message_id), self.person(name)
        assert message is not None
        before, message.reactions[person.id] = message.reactions.get(person.id, ()), emoji
        if chat.type == "private" or chat.bot_is_admin:
            change = {
                "chat": chat.json(),
                "message_id": message_id,
                "user": person.json(),
                "date": int(time()),
                "old_reaction": _reactions(before),
                "new_reaction": _reactions(emoji),
            }
            self.queue.put("message_reaction", change)

    def press(self, name: str, chat: Chat, message_id: int, data: str) -> str:
        """A person presses a button below a message; the id of the query."""
        message = chat.find(message_id)
        assert message is not None
        assert data in buttons(message.now), f"{message.now.keyboard} has no {data}"
        number = str(10**17 + next(self._ids))
        query: dict[str, Any] = {
            "id": number,
            "from": self.person(name).json(),
            "message": message.json(),
            "chat_instance": "1",
            "data": data,
        }
        self.open_buttons.add(number)
        self.queue.put("callback_query", query)
        return number

    def bring(self, name: str, chat: Chat) -> None:
        """A person brings the bot into a group, or lets it write to them again."""
        chat.has_bot, chat.blocked = True, False
        self._my_member(name, chat, "left", "member")

    def remove(self, name: str, chat: Chat) -> None:
        """A person removes the bot from a group, or blocks it."""
        chat.has_bot, chat.blocked = chat.type == "private", chat.type == "private"
        self._my_member(name, chat, "member", "kicked")

    def member(self, name: str, chat: Chat, *, joins: bool) -> None:
        """Somebody comes or goes; bots that are administrators are told."""
        person = self.person(name)
        was, now = ("left", "member") if joins else ("member", "left")
        (chat.members.add if joins else chat.members.discard)(person.id)
        if chat.bot_is_admin:
            self._member("chat_member", person, person, chat, (was, now))

    def migrate(self, name: str, chat: Chat) -> Chat:
        """A group becomes a supergroup: both say so."""
        people = [each for each in self.people if self.people[each].id in chat.members]
        heir = self.group(*people)
        heir.title, heir.bot_is_admin, chat.moved_to = chat.title, chat.bot_is_admin, heir.id
        author = self.person(name)
        for room, service in (
            (chat, {"migrate_to_chat_id": heir.id}),
            (heir, {"migrate_from_chat_id": chat.id}),
        ):
            message = self._add(room, author, Version(""))
            message.service = service
            self.queue.put("message", message.json())
        return heir

    def post(self, chat: Chat, version: Version) -> Message:
        """The bot writes. Its drafts there are over."""
        chat.old_drafts += chat.drafts.values()
        chat.drafts.clear()
        return self._add(chat, self.bot, version)

    def hears(self, message: Message) -> bool:
        """Whether the bot gets a message: all in private, in groups as its privacy mode says."""
        chat = message.chat
        if not chat.has_bot:
            return False
        if chat.type == "private" or chat.bot_is_admin or not self.privacy:
            return True
        if message.reply_to and message.reply_to.author == self.bot:
            return True
        return any(self._is_for_bot(message.now, entity) for entity in message.now.entities)

    def _is_for_bot(self, version: Version, entity: Mapping[str, Any]) -> bool:
        units = version.text.encode("utf-16-le")
        start = 2 * entity["offset"]
        words = units[start : start + 2 * entity["length"]].decode("utf-16-le")
        me = f"@{self.bot.username}"
        if entity["type"] == "text_mention":
            return entity["user"]["id"] == self.bot.id
        if entity["type"] == "bot_command":
            return "@" not in words or words.endswith(me)
        return entity["type"] == "mention" and words == me

    def _add(self, chat: Chat, author: User, version: Version) -> Message:
        message = Message(len(chat.messages) + 1, chat, author, [version], int(time()))
        chat.messages.append(message)
        return message

    def _anybody(self, chat: Chat) -> User:
        return next(each for each in self.people.values() if each.id in chat.members)

    def _my_member(self, name: str, chat: Chat, was: str, now: str) -> None:
        self._member("my_chat_member", self.person(name), self.bot, chat, (was, now))

    def _member(
        self, kind: str, actor: User, member: User, chat: Chat, change: tuple[str, str]
    ) -> None:
        states = [_member_json(member, status) for status in change]
        self.queue.put(
            kind,
            {
                "chat": chat.json(),
                "from": actor.json(),
                "date": int(time()),
                "old_chat_member": states[0],
                "new_chat_member": states[1],
            },
        )


def buttons(version: Version) -> list[str]:
    """What can be pressed below a message."""
    return [button["callback_data"] for row in version.keyboard for button in row]


def _member_json(member: User, status: str) -> dict[str, Any]:
    until = {"until_date": 0} if status == "kicked" else {}
    return {"user": member.json(), "status": status, **until}


def _reactions(emoji: Iterable[str]) -> list[dict[str, str]]:
    return [{"type": "emoji", "emoji": each} for each in emoji]


def _file_json(file: File) -> Any:
    shown = {"file_id": file.id, "file_unique_id": file.id, "file_size": len(file.content)}
    if file.kind == "document":
        return {**shown, "file_name": file.name, "mime_type": file.mime}
    small = {**shown, "file_id": f"{file.id}-small", "width": 90, "height": 60, "file_size": 9}
    return [small, {**shown, "width": 1280, "height": 853}]
