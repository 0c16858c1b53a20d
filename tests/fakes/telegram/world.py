"""People, chats and messages: what people do there, which updates that makes, and what they see."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from time import time
from typing import Any

from tests.fakes.telegram.chat import Chat, ChatType, File, Message, User, Version, buttons
from tests.fakes.telegram.entities import detected
from tests.fakes.telegram.queue import Queue


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


def _member_json(member: User, status: str) -> dict[str, Any]:
    until = {"until_date": 0} if status == "kicked" else {}
    return {"user": member.json(), "status": status, **until}


def _reactions(emoji: Iterable[str]) -> list[dict[str, str]]:
    return [{"type": "emoji", "emoji": each} for each in emoji]
