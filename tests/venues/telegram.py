"""Telegram as a venue: our own Bot API server, with people in it.

Its rooms are forums in which the bot is an administrator, for only then does Telegram tell a bot of
reactions, and of messages in a topic that don't mention it. A thread is a topic: one is opened for
each message that something is written below.
"""

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self, cast

from tests.fakes.telegram.chat import Chat, File, Message, User, buttons
from tests.fakes.telegram.server import TelegramServer, telegram_server
from tests.fakes.telegram.world import World
from tests.venues.base import Action, Feature, Patient, Place, Shown, Upload


class TelegramVenue(Patient):
    """A server of its own while it is entered. `server` is for faults."""

    name = "telegram"
    features: frozenset[Feature] = frozenset(
        {
            "rooms",
            "threads",
            "replies",
            "edits",
            "reactions",
            "buttons",
            "stop button",
            "files",
            "typing",
            "suggestions",
        }
    )

    def __init__(self, *, drafts: bool = True, privacy: bool = False) -> None:
        self.server: TelegramServer
        self._world = World(privacy=privacy)
        self._missing = set[str]() if drafts else {"sendMessageDraft"}
        self._topics: dict[tuple[int, str], int] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.server = await self._stack.enter_async_context(telegram_server(self._world))
        self.server.missing |= self._missing
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def settings(self) -> dict[str, dict[str, Any]]:
        return {"telegram": {"token": self.server.token, "base_url": self.server.url}}

    def person_id(self, person: str) -> str:
        return str(self._world.person(person).id)

    async def direct(self, person: str) -> Place:
        return Place(str(self._world.direct(person).id), direct=True)

    async def room(self, *people: str) -> Place:
        chat = self._world.group(*people, forum=True)
        chat.bot_is_admin = True
        self._world.bring(people[0], chat)
        return Place(str(chat.id), direct=False)

    async def say(
        self,
        person: str,
        place: Place,
        text: str,
        *,
        mention: bool = False,
        reply_to: str = "",
        thread: str = "",
        file: Upload | None = None,
    ) -> str:
        chat = self._chat(place)
        text = f"@{self._world.bot.username} {text}" if mention else text
        message = self._world.say(
            person,
            chat,
            text,
            reply_to=_number(reply_to) if reply_to else None,
            thread=self._topic(chat, thread) if thread else None,
            file=_file(file) if file else None,
        )
        return message.name

    async def command(self, person: str, place: Place, text: str) -> None:
        await self.say(person, place, f"/{text}")

    async def edit(self, person: str, place: Place, message: str, text: str) -> None:
        self._world.edit(person, self._chat(place), _number(message), text)

    async def delete(self, person: str, place: Place, message: str) -> None:
        self._world.delete(self._chat(place), _number(message))

    async def react(self, person: str, place: Place, message: str, emoji: str) -> None:
        self._world.react(person, self._chat(place), _number(message), emoji)

    async def press(self, person: str, place: Place, message: str, action: Action) -> None:
        self._world.press(person, self._chat(place), _number(message), action)

    def shown(self, person: str, place: Place) -> list[Shown]:
        chat = self._chat(place)
        messages = [
            _shown(message)
            for message in chat.messages
            if message.author == self._world.bot and not message.deleted
        ]
        drafts = [
            Shown(f"draft {number}", draft.versions[-1].text, draft.versions[-1].raw)
            for number, draft in chat.drafts.items()
            if draft.is_shown
        ]
        return messages + drafts

    def typed(self, place: Place) -> bool:
        """Whether it showed: by a sign, or by a draft."""
        chat = self._chat(place)
        return bool(chat.actions or chat.drafts or chat.old_drafts)

    def suggested(self, person: str, place: Place) -> set[str]:
        scope = "all_private_chats" if place.direct else "all_group_chats"
        menus = self.server.methods.commands
        own = menus.get((f"chat {place.id}", ""))
        return {each["command"] for each in own or menus.get((scope, ""), [])}

    def user(self, person: str) -> User:
        """A person's account."""
        return self._world.person(person)

    def _chat(self, place: Place) -> Chat:
        return self._world.chats[int(place.id)]

    def _topic(self, chat: Chat, root: str) -> int:
        key = (chat.id, root)
        if key not in self._topics:
            self._topics[key] = self._world.topic(chat, f"about {root}")
        return self._topics[key]


def _number(message: str) -> int:
    return int(message.rpartition("/")[2])


def _file(upload: Upload) -> File:
    kind = "photo" if upload.mime.startswith("image/") else "document"
    ascii_name = upload.name.encode("ascii", "ignore").decode()
    return File(f"up-{ascii_name}", upload.name, upload.mime, upload.content, kind)


def _shown(message: Message) -> Shown:
    return Shown(
        message.name,
        text=message.now.text,
        raw=message.now.raw,
        edits=len(message.versions) - 1,
        thread=str(message.thread or ""),
        reply_to=message.reply_to.name if message.reply_to else "",
        buttons=tuple(cast("list[Action]", buttons(message.now))),
        file=message.file.name if message.file else "",
    )
