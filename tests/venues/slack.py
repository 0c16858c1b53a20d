"""Slack as a venue: our own workspace, with people in it.

The app is an assistant, as its manifest says: somebody's chat with the bot is one of its threads
(`assistant`), else their plain direct messages. Slack has no replies but threads, and no buttons
below a message that streams.
"""

import re
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self, cast

from bot.lane import WRITING
from tests.fakes.slack import blocks as reading
from tests.fakes.slack.places import Channel, File, Message
from tests.fakes.slack.server import Mode, SlackServer, slack_server
from tests.fakes.slack.world import World
from tests.venues.base import Action, Feature, Patient, Place, Shown, Upload

FEATURES: frozenset[Feature] = frozenset(
    {"rooms", "threads", "edits", "deletes", "reactions", "buttons", "files", "ephemeral"}
)
TYPING: frozenset[Feature] = frozenset({"typing"})

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class SlackVenue(Patient):
    """A server of its own while it is entered. `server` is for faults.

    In `http` mode the bot is called at `server.calling.url`, which is to be set once it runs.
    """

    name = "slack"

    def __init__(self, *, assistant: bool = True, mode: Mode = "sockets") -> None:
        self.server: SlackServer
        self._world = World()
        self._assistant = assistant
        self._mode: Mode = mode
        self._threads: dict[str, str] = {}
        self._stack = AsyncExitStack()
        self.features: frozenset[Feature] = FEATURES | TYPING if assistant else FEATURES

    async def __aenter__(self) -> Self:
        server = slack_server(self._world, self._mode)
        self.server = await self._stack.enter_async_context(server)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def settings(self) -> dict[str, dict[str, Any]]:
        app = self._world.app
        way_in = (
            {"app_token": app.app_token}
            if self._mode == "sockets"
            else {"signing_secret": app.signing_secret}
        )
        return {"slack": {"bot_token": app.bot_token, "base_url": self.server.url, **way_in}}

    def person_id(self, person: str) -> str:
        return self._world.person(person).id

    async def direct(self, person: str) -> Place:
        channel = self._world.direct(person)
        if self._assistant and channel.id not in self._threads:
            self._threads[channel.id] = self._world.assistant_thread(person)
        return Place(channel.id, direct=True)

    async def room(self, *people: str) -> Place:
        return Place(self._world.room(*people).id, direct=False)

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
        kept = escaped(text)
        kept = f"<@{self._world.app.user}> {kept}" if mention else kept
        below = thread or reply_to
        message = self._world.say(
            person,
            self._channel(place),
            kept,
            thread=_ts(below) if below else self._threads.get(place.id, ""),
            file=self._file(file) if file else None,
        )
        return message.name

    async def command(self, person: str, place: Place, text: str) -> None:
        self._world.command(person, self._channel(place), text)

    async def edit(self, person: str, place: Place, message: str, text: str) -> None:
        self._world.edit(person, self._world.message(message), escaped(text))

    async def delete(self, person: str, place: Place, message: str) -> None:
        self._world.delete(self._world.message(message))

    async def react(self, person: str, place: Place, message: str, emoji: str) -> None:
        self._world.react(person, self._world.message(message), emoji)

    async def press(self, person: str, place: Place, message: str, action: Action) -> None:
        self._world.press(person, self._world.message(message), action)

    def shown(self, person: str, place: Place) -> list[Shown]:
        channel = self._channel(place)
        reader = self._world.person(person).id
        roots = set(self._threads.values())
        public = [each for each in channel.messages if each.is_bot and each.ts not in roots]
        private = [each for each in channel.whispers if each.whisper == reader]
        messages = sorted((*public, *private), key=lambda each: each.ts)
        return [_shown(each) for each in messages if not each.deleted]

    def typed(self, place: Place) -> bool:
        """Whether it showed: by a status, or by a stream."""
        channel = self._channel(place)
        return bool(channel.statuses) or any(each.streaming_state for each in channel.messages)

    def suggested(self, person: str, place: Place) -> set[str]:
        raise NotImplementedError("Slack suggests an app's slash command, not what follows it")

    @property
    def world(self) -> World:
        """The workspace."""
        return self._world

    def _channel(self, place: Place) -> Channel:
        return self._world.channels[place.id]

    def _file(self, upload: Upload) -> File:
        return File(self._world.new_id("F"), upload.name, upload.mime, upload.content)


def escaped(text: str) -> str:
    """A text as Slack keeps what a person wrote."""
    return re.sub("[&<>]", lambda match: _ESCAPES[match[0]], text)


def _ts(message: str) -> str:
    return message.rpartition("/")[2]


def _shown(message: Message) -> Shown:
    text = message.now.seen
    if message.streaming_state == "in_progress":  # its client shows that more is to come
        text = text.rstrip() + WRITING
    return Shown(
        message.name,
        text=text,
        raw=message.now.source,
        edits=len(message.versions) - 1,
        thread=message.thread_ts,
        buttons=tuple(cast("list[Action]", reading.buttons(message.now.blocks))),
        file=message.files[0].name if message.files else "",
    )
