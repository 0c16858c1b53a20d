"""The workspace: what people do there, which deliveries that makes, and what they see."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from time import time, time_ns
from typing import Any

from tests.fakes.slack import blocks as reading
from tests.fakes.slack import payloads
from tests.fakes.slack.deliveries import Deliveries
from tests.fakes.slack.people import App, Person
from tests.fakes.slack.places import Channel, File, Message, Version

RESPONSE_S = 1800
RESPONSE_USES = 5
REACTIONS = {"👍": "thumbsup", "👎": "thumbsdown"}


@dataclass(slots=True)
class ResponseUrl:
    """An address to answer at: for whom, where, until when and how often."""

    channel: Channel
    user: str
    expires_at: float
    uses: int = RESPONSE_USES


@dataclass(slots=True)
class World:
    """All of it. `root` is the server's address, once it runs."""

    app: App = field(default_factory=App)
    deliveries: Deliveries = field(default_factory=Deliveries)
    people: dict[str, Person] = field(default_factory=dict[str, Person])
    channels: dict[str, Channel] = field(default_factory=dict[str, Channel])
    files: dict[str, File] = field(default_factory=dict[str, File])
    homes: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    responses: dict[str, ResponseUrl] = field(default_factory=dict[str, ResponseUrl])
    calls: list[str] = field(default_factory=list[str])
    root: str = ""
    on_change: Callable[[], None] = lambda: None
    _ids: "count[int]" = field(default_factory=lambda: count(1))
    _last_ts: int = 0

    def ts(self) -> str:
        """A timestamp that no message has yet."""
        self._last_ts = max(self._last_ts + 1, time_ns() // 1000)
        return f"{self._last_ts // 10**6}.{self._last_ts % 10**6:06d}"

    def person(self, name: str) -> Person:
        """Somebody, who is there once they are named."""
        if name not in self.people:
            self.people[name] = Person(f"U{next(self._ids):04d}{name.upper()}", name)
        return self.people[name]

    def direct(self, name: str) -> Channel:
        """Somebody's direct messages with the bot."""
        person = self.person(name)
        channel_id = f"D{person.id[1:]}"
        if channel_id not in self.channels:
            members = {person.id, self.app.user}
            self.channels[channel_id] = Channel(
                channel_id, "", self.app.team, members, is_direct=True
            )
        return self.channels[channel_id]

    def room(self, *names: str, with_bot: bool = True) -> Channel:
        """A new channel."""
        number = next(self._ids)
        members = {self.person(name).id for name in names}
        channel = Channel(f"C{number:04d}", f"room-{number}", self.app.team, members)
        self.channels[channel.id] = channel
        if with_bot:
            self.invite(names[0], channel)
        return channel

    def invite(self, name: str, channel: Channel) -> None:
        """Somebody brings the bot into a channel."""
        channel.members.add(self.app.user)
        inviter = self.person(name).id
        self._event(payloads.member(channel, self.app.user, self.ts(), joins=True, inviter=inviter))

    def share(self, channel: Channel, name: str, team: str) -> Person:
        """Somebody of another workspace is in the channel from now on (Slack Connect)."""
        guest = self.people[name] = replace(self.person(name), team=team)
        channel.members.add(guest.id)
        channel.guests[guest.id] = team
        return guest

    def expel(self, name: str, channel: Channel) -> None:
        """Somebody removes the bot from a channel; it hears only that."""
        channel.members.discard(self.app.user)
        actor = self.person(name).id
        event = {"type": "channel_left", "channel": channel.id, "actor_id": actor}
        self._event(event | {"event_ts": self.ts()})

    def come(self, name: str, channel: Channel, *, joins: bool) -> None:
        """Somebody comes or goes."""
        person = self.person(name)
        (channel.members.add if joins else channel.members.discard)(person.id)
        self._event(payloads.member(channel, person.id, self.ts(), joins=joins))

    def assistant_thread(self, name: str) -> str:
        """Somebody opens a new conversation with the assistant; its thread."""
        channel, person = self.direct(name), self.person(name)
        root = self.add(channel, Version("New Assistant Thread"), user=self.app.user, is_bot=True)
        self._event(
            {
                "type": "assistant_thread_started",
                "assistant_thread": {
                    "user_id": person.id,
                    "context": {"team_id": self.app.team},
                    "channel_id": channel.id,
                    "thread_ts": root.ts,
                },
                "event_ts": self.ts(),
            }
        )
        return root.ts

    def say(
        self, name: str, channel: Channel, text: str, *, thread: str = "", file: File | None = None
    ) -> Message:
        """Somebody writes; `text` is as Slack keeps it. The bot hears it where it is a member."""
        person = self.person(name)
        files = (self.keep(file),) if file else ()
        message = self.add(channel, Version(text), user=person.id, thread=thread, files=files)
        if self.app.user in channel.members:
            self._event(payloads.spoken(message))
            if f"<@{self.app.user}>" in text and not channel.is_direct:
                self._event(payloads.mentioned(message))
        return message

    def edit(self, name: str, message: Message, text: str) -> None:
        """Somebody changes what they wrote."""
        assert message.user == self.person(name).id
        before, at = message.now, self.ts()
        message.versions.append(Version(text, edited=at))
        self._event(payloads.changed(message, before, at))

    def unfurl(self, message: Message) -> None:
        """Slack adds a link's preview."""
        self._event(payloads.changed(message, message.now, self.ts()))

    def delete(self, message: Message) -> None:
        """Somebody removes what they wrote."""
        self._event(payloads.removed(message, self.ts()))
        message.deleted = True

    def react(self, name: str, message: Message, emoji: str) -> None:
        """Somebody reacts, or takes their reactions back (an empty emoji)."""
        person = self.person(name)
        mine = message.reactions.setdefault(person.id, set())
        for old in sorted(mine):
            self._event(payloads.reacted(message, person, old, self.ts(), added=False))
        mine.clear()
        if emoji:
            reaction = REACTIONS.get(emoji, emoji)
            mine.add(reaction)
            self._event(payloads.reacted(message, person, reaction, self.ts(), added=True))

    def press(self, name: str, message: Message, action: str) -> None:
        """Somebody presses a button below a message."""
        assert action in reading.buttons(message.now.blocks), f"there is no {action}"
        person = self.person(name)
        url, trigger = self.response_url(message.channel, person), self._trigger()
        payload = payloads.pressed(self.app, person, message, action, trigger, url, self.ts())
        self.deliveries.add("interactive", payload)

    def command(self, name: str, channel: Channel, text: str) -> str:
        """Somebody gives a slash command; the address to answer at."""
        person = self.person(name)
        url = self.response_url(channel, person)
        payload = payloads.slash(self.app, person, channel, text, self._trigger(), url)
        self.deliveries.add("slash_commands", payload)
        return url

    def open_home(self, name: str, tab: str = "home") -> None:
        """Somebody looks at the app's page."""
        event: dict[str, Any] = {"type": "app_home_opened", "tab": tab, "event_ts": self.ts()}
        self._event(event | {"user": self.person(name).id, "channel": self.direct(name).id})

    def response_url(self, channel: Channel, person: Person) -> str:
        """A new address to answer at."""
        token = f"r{next(self._ids)}"
        self.responses[token] = ResponseUrl(channel, person.id, time() + RESPONSE_S)
        return f"{self.root}/response/{token}"

    def add(
        self,
        channel: Channel,
        version: Version,
        *,
        user: str,
        thread: str = "",
        is_bot: bool = False,
        files: tuple[File, ...] = (),
    ) -> Message:
        """A message stands there."""
        bot = self.app.bot if is_bot else ""
        message = Message(channel, self.ts(), user, [version], thread, bot, files=files)
        channel.messages.append(message)
        root = channel.find(thread) if thread else None
        if root:
            root.thread_ts = root.ts
        if is_bot:
            self.note_calls(version)
        self.on_change()
        return message

    def note_calls(self, version: Version) -> None:
        """Whom the bot called."""
        self.calls += reading.calls(version.source) + reading.calls(version.text)

    def keep(self, file: File) -> File:
        """Store a file."""
        url = f"{self.root}/files-pri/{file.id}/{file.name}"
        self.files[file.id] = File(file.id, file.name, file.mime, file.content, url)
        return self.files[file.id]

    def new_id(self, kind: str) -> str:
        """An id that nothing has yet."""
        return f"{kind}{next(self._ids):06d}"

    def echo(self, event: dict[str, Any]) -> None:
        """The bot hears what it did itself."""
        self._event(event)

    def message(self, name: str) -> Message:
        """A message by its id in the whole world."""
        channel, _, ts = name.partition("/")
        found = self.channels[channel].find(ts)
        assert found, f"there is no {name}"
        return found

    def _event(self, event: dict[str, Any]) -> None:
        place = event.get("channel") or event.get("item", {}).get("channel")
        channel = self.channels.get(place)
        shared = bool(channel and channel.guests)
        payload = payloads.envelope(event, self.app, next(self._ids), int(time()), shared=shared)
        self.deliveries.add("events_api", payload)

    def _trigger(self) -> str:
        return f"{next(self._ids)}.{time_ns()}.trigger"
