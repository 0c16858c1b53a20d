"""Who and where the ids in payloads are: looked up in the background, remembered for a while.

Slack's events carry ids alone. An answer must not wait for names: whoever needs one that was not
known yet waits a moment for it, once while it is looked up, and goes on with what is known. A
thread names a session, so everybody waits for it.
"""

import asyncio
from collections.abc import Iterable

import structlog

from adapters.base import AdapterError, Kind, MessageEvent, Person
from adapters.slack.api import Api
from adapters.slack.fields import Json, table, tables, text
from adapters.slack.ids import parse_name, team_and_user
from adapters.slack.recent import Recent

log = structlog.get_logger(__name__)

KEPT = 5_000
FRESH_S = 3600.0
"""A name is looked up again after this; until then it may be an old one."""
AGAIN_S = 60.0
"""What could not be looked up is tried again after this."""
MAX_WANTED = 500
LOOKUPS = 3
"""Calls at once."""


class Names:
    """People by user id, channels by id, and the threads that the bot's messages stand in."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._people: Recent[str, Person] = Recent(KEPT)
        self._teams: Recent[str, str] = Recent(KEPT)
        self._rooms: Recent[str, str] = Recent(KEPT)
        self._threads: Recent[str, str | None] = Recent(KEPT)
        self._last: Recent[tuple[str, str], str | None] = Recent(KEPT)
        self._authors: Recent[str, str] = Recent(KEPT)
        self._due: Recent[str, float] = Recent(3 * KEPT)
        self._wanted: asyncio.Queue[str] = asyncio.Queue(MAX_WANTED)
        self._asked: set[str] = set()
        self._awaited: set[str] = set()
        self._found = asyncio.Condition()

    def person(self, user: str) -> Person:
        """Somebody; named by the id while the name is not known."""
        self._want(user)
        return self._people.get(user) or Person(user, user)

    def team(self, user: str) -> str:
        """The workspace somebody belongs to; empty while it is not known."""
        return self._teams.get(user) or ""

    def room(self, channel: str) -> str:
        """A channel's name; empty while it is not known."""
        self._want(channel)
        return self._rooms.get(channel) or ""

    def thread(self, message: str) -> str | None:
        """The thread of a message of the bot's; None while it is not known."""
        if message not in self._threads:
            self._want(message)
            if message in self._asked:
                self._awaited.add(message)
        return self._threads.get(message)

    def last_thread(self, channel: str, user: str) -> str | None:
        """The thread in which somebody wrote to the bot last."""
        return self._last.get((channel, user))

    def author(self, message: str) -> str | None:
        """The id of who wrote a message that came in not long ago."""
        return self._authors.get(message)

    def note_sent(self, message: str, thread: str | None) -> None:
        """The bot wrote a message in a thread, or beside all threads."""
        self._threads.put(message, thread)

    def note_thread(self, channel: str, user: str, thread: str | None) -> None:
        """Somebody turned to the bot in a thread."""
        self._last.put((channel, user), thread)

    def note(self, events: Iterable[MessageEvent]) -> None:
        """Messages came in: who wrote them, and where."""
        for event in events:
            if event.kind is Kind.MESSAGE:
                self._authors.put(event.message_id, event.sender.id)
                if event.addressed:
                    place = event.address
                    _, user = team_and_user(event.sender.id)
                    self.note_thread(place.room, user, place.thread)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is worth a wait: what is not known was waited for already."""
        return not self._awaited

    async def settle(self) -> None:
        """Wait a moment for what is not known, and no more for it where Slack is slow."""
        timeouts = self._api.timeouts
        has_thread = any("/" in id_ for id_ in self._awaited)
        timeout_s = timeouts.threads_s if has_thread else timeouts.names_s
        try:
            async with asyncio.timeout(timeout_s), self._found:
                await self._found.wait_for(lambda: self.is_complete)
        except TimeoutError:
            self._awaited.clear()

    async def work(self) -> None:
        """Look up what is wanted, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(LOOKUPS):
                tasks.create_task(self._look())

    def _want(self, id_: str) -> None:
        now = asyncio.get_running_loop().time()
        if not id_ or id_ in self._asked or now < (self._due.get(id_) or 0.0):
            return
        try:
            self._wanted.put_nowait(id_)
        except asyncio.QueueFull:  # it is wanted again when it is read again
            return
        self._due.put(id_, now + AGAIN_S)
        self._asked.add(id_)
        if not any(id_ in known for known in (self._people, self._rooms, self._threads)):
            self._awaited.add(id_)

    async def _look(self) -> None:
        while True:
            id_ = await self._wanted.get()
            try:
                await self._look_up(id_)
                self._due.put(id_, asyncio.get_running_loop().time() + FRESH_S)
            except AdapterError as error:
                log.debug("no name", id=id_, error=str(error))
            finally:
                self._asked.discard(id_)
                self._awaited.discard(id_)
                async with self._found:
                    self._found.notify_all()

    async def _look_up(self, id_: str) -> None:
        if "/" in id_:
            self._threads.put(id_, await self._thread_of(id_))
        elif id_[0] in ("C", "G", "D"):
            found = await self._api.read("conversations.info", channel=id_)
            self._rooms.put(id_, text(table(found.get("channel")).get("name")))
        else:
            found = await self._api.read("users.info", user=id_, include_locale="true")
            user = table(found.get("user"))
            self._people.put(id_, _person(id_, user))
            self._teams.put(id_, text(user.get("team_id")))

    async def _thread_of(self, message: str) -> str | None:
        channel, ts = parse_name(message)
        found = await self._api.read("conversations.replies", channel=channel, ts=ts, limit="1")
        for each in tables(found.get("messages")):
            return text(each.get("thread_ts")) or None
        return None


def _person(id_: str, user: Json) -> Person:
    profile = table(user.get("profile"))
    name = text(profile.get("display_name")) or text(profile.get("real_name"))
    name = name or text(user.get("real_name")) or text(user.get("name")) or id_
    return Person(id_, name, text(user.get("locale")))
