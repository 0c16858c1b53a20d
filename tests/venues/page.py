"""The page as a venue: every person has a tab open."""

import asyncio
import html
import re
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from bot.lane import WRITING
from tests.clients.page import Tab
from tests.venues.base import Action, Feature, Patient, Place, Shown, Upload

EMOJI = {"good": "👍", "bad": "👎"}


class PageVenue(Patient):
    """Tabs of one bot. `open` tells where it serves, once it runs."""

    name = "web"
    features: frozenset[Feature] = frozenset(
        {
            "rooms",
            "replies",
            "edits",
            "deletes",
            "reactions",
            "buttons",
            "stop button",
            "suggestions",
        }
    )

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._link = ""
        self._tabs: dict[str, Tab] = {}
        self._staying: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._staying:
            task.cancel()
        if self._staying:
            await asyncio.wait(self._staying)

    def open(self, link: str) -> None:
        """The bot runs, and its page is there."""
        self._link = link

    def settings(self) -> dict[str, dict[str, Any]]:
        return {"web": {"enabled": True, "port": self._port}}

    @property
    def people(self) -> list[str]:
        """Who has a tab open."""
        return list(self._tabs)

    def person_id(self, person: str) -> str:
        return self._tabs[person].id

    async def direct(self, person: str) -> Place:
        return Place((await self._tab(person)).direct, direct=True)

    async def room(self, *people: str) -> Place:
        tabs = [await self._tab(person) for person in people]
        number = sum(not room["direct"] for room in tabs[0].rooms) + 1
        room = await tabs[0].do("create", name=f"Room {number}")
        for tab in tabs:
            await tab.until(lambda tab=tab: any(each["id"] == room for each in tab.rooms))
        return Place(room, direct=False)

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
        text = f"@Parley {text}" if mention else text
        tab = await self._tab(person)
        said = await tab.say(place.id, text, reply_to)
        await tab.until(lambda: said not in tab.unacknowledged)
        return said

    async def command(self, person: str, place: Place, text: str) -> None:
        await self.say(person, place, f"/{text}")

    async def edit(self, person: str, place: Place, message: str, text: str) -> None:
        await (await self._tab(person)).do("edit", post=message, text=text)

    async def delete(self, person: str, place: Place, message: str) -> None:
        await (await self._tab(person)).do("delete", post=message)

    async def react(self, person: str, place: Place, message: str, emoji: str) -> None:
        await (await self._tab(person)).do("react", post=message, emoji=emoji)

    async def press(self, person: str, place: Place, message: str, action: Action) -> None:
        if action in EMOJI:
            return await self.react(person, place, message, EMOJI[action])
        post = "" if action == "stop" else message  # an answer that grows is no post yet
        await (await self._tab(person)).do("press", room=place.id, button=action, post=post)
        return None

    def shown(self, person: str, place: Place) -> list[Shown]:
        tab = self._tabs[person]
        posts = [post for post in tab.seen(place.id) if not post["author"]]
        growing = "".join(tab.growing.get(place.id, []))
        words = html.unescape(re.sub(r"<[^>]*>", "", growing)).strip()
        preview = [Shown("preview", f"{words}{WRITING}", growing)] if words else []
        kept = [
            Shown(
                post["id"],
                text=post["text"],
                raw=post["html"],
                edits=int(post["edited"]),
                reply_to=post["reply_to"] or "",
            )
            for post in posts
        ]
        return kept + preview

    def typed(self, place: Place) -> bool:
        frames = [frame for tab in self._tabs.values() for frame in tab.frames]
        return any(f["is"] == "preview" and f["room"] == place.id for f in frames)

    def suggested(self, person: str, place: Place) -> set[str]:
        frames = self._tabs[person].frames
        [*_, welcome] = [frame for frame in frames if frame["is"] == "welcome"]
        return {command["name"] for command in welcome["commands"]}

    async def _tab(self, person: str) -> Tab:
        tab = self._tabs.get(person)
        if tab is None:
            tab = self._tabs[person] = Tab(self._link, person)
            await tab.join()
            self._staying.append(asyncio.create_task(_quietly(tab)))
            await tab.until(lambda: tab.rooms)
        return tab


async def _quietly(tab: Tab) -> None:
    with suppress(asyncio.CancelledError):
        await tab.stay()
