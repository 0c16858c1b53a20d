"""Matrix as a venue: a real Synapse, and people with clients of their own.

In plain rooms people talk HTTP; with `encrypted` all rooms are, and people are matrix-js-sdk's.
"""

import asyncio
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from tests.clients.matrix import Person, PlainPerson
from tests.clients.matrix_js import SealedPerson
from tests.rigs.synapse import PASSWORD, Synapse, permissive, strict
from tests.venues.base import Action, Feature, Patient, Place, Shown, Upload

NAME = "Parley"
ENCRYPTION = {
    "type": "m.room.encryption",
    "state_key": "",
    "content": {"algorithm": "m.megolm.v1.aes-sha2"},
}
JOIN_S = 60


class MatrixVenue(Patient):
    """A fresh account for the bot on a Synapse that slows nobody down, or a `strict` one."""

    name = "matrix"

    def __init__(self, *, encrypted: bool = False, strict: bool = False) -> None:
        features: set[Feature] = {
            "rooms",
            "threads",
            "replies",
            "edits",
            "deletes",
            "reactions",
            "files",
            "typing",
            "suggestions",
        }
        if encrypted:
            features.add("encryption")
        self.features: frozenset[Feature] = frozenset(features)
        self._encrypted = encrypted
        self._strict = strict
        self._stack = AsyncExitStack()
        self._people: dict[str, Person] = {}
        self._direct: dict[str, Place] = {}
        self._server: Synapse
        self.bot = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.to_thread(strict if self._strict else permissive)
        self.bot = await asyncio.to_thread(self._server.fresh, "parley")
        store = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-matrix-"))
        self._store_dir = store
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.gather(*(person.close() for person in self._people.values()))
        await self._stack.aclose()

    def settings(self) -> dict[str, dict[str, Any]]:
        return {
            "matrix": {
                "homeserver": self._server.url,
                "user": self.bot,
                "password": PASSWORD,
                "store_dir": self._store_dir,
                "messages_per_minute": 12 if self._strict else 60_000,
            }
        }

    def person_id(self, person: str) -> str:
        return self._people[person].id

    async def direct(self, person: str) -> Place:
        if person not in self._direct:
            body = {"preset": "trusted_private_chat", "is_direct": True, "invite": [self.bot]}
            room = await self._create(await self.person(person), body)
            self._direct[person] = Place(room, direct=True)
        return self._direct[person]

    async def room(self, *people: str) -> Place:
        first, *others = [await self.person(person) for person in people]
        invited = [self.bot, *(other.id for other in others)]
        body = {"preset": "private_chat", "name": "A room", "invite": invited}
        room = await self._create(first, body)
        for other in others:
            await other.join(room)
            await self.until(lambda other=other: bool(other.timeline.events[room]))
        await self._until_joined(first, room, *invited)
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
        someone = await self.person(person)
        content = _content(text, self.bot if mention else "") | _relates(reply_to, thread)
        if file:
            source = await someone.upload(place.id, file.name, file.mime, file.content)
            info = {"mimetype": file.mime, "size": len(file.content)}
            content |= {"msgtype": "m.file", "filename": file.name, "info": info, **source}
        return await someone.send(place.id, content)

    async def command(self, person: str, place: Place, text: str) -> None:
        await self.say(person, place, f"!parley {text}")

    async def edit(self, person: str, place: Place, message: str, text: str) -> None:
        content = {
            "msgtype": "m.text",
            "body": f"* {text}",
            "m.new_content": _content(text, ""),
            "m.relates_to": {"rel_type": "m.replace", "event_id": message},
        }
        await (await self.person(person)).send(place.id, content)

    async def delete(self, person: str, place: Place, message: str) -> None:
        await (await self.person(person)).redact(place.id, message)

    async def react(self, person: str, place: Place, message: str, emoji: str) -> None:
        relates = {"rel_type": "m.annotation", "event_id": message, "key": emoji}
        await (await self.person(person)).send(place.id, {"m.relates_to": relates}, "m.reaction")

    async def press(self, person: str, place: Place, message: str, action: Action) -> None:
        raise NotImplementedError("Matrix has no buttons")

    def shown(self, person: str, place: Place) -> list[Shown]:
        return self._people[person].timeline.shown(place.id, self.bot)

    def typed(self, place: Place) -> bool:
        return any((place.id, self.bot) in each.timeline.typed for each in self._people.values())

    def suggested(self, person: str, place: Place) -> set[str]:
        commands = self._people[person].timeline.commands(place.id, self.bot)
        return {command.removeprefix("parley ") for command in commands}

    async def person(self, name: str) -> Person:
        """Somebody, who exists from now on."""
        if name not in self._people:
            user = await asyncio.to_thread(self._server.fresh, name)
            kind = SealedPerson if self._encrypted else PlainPerson
            someone = kind(self._server.url, user)
            await someone.open()
            self._people[name] = someone
        return self._people[name]

    async def _create(self, person: Person, body: Mapping[str, Any]) -> str:
        state = [ENCRYPTION] if self._encrypted else []
        room = await person.create({**body, "initial_state": state})
        await self._until_joined(person, room, self.bot)
        return room

    async def _until_joined(self, person: Person, room: str, *users: str) -> None:
        joined = {(room, user, "join") for user in users}
        await self.until(lambda: joined <= person.timeline.members, JOIN_S)


def _content(text: str, mentioned: str) -> dict[str, Any]:
    """A text as clients send it; a mention is a pill before it."""
    content: dict[str, Any] = {"msgtype": "m.text", "body": text, "m.mentions": {}}
    if mentioned:
        pill = f'<a href="https://matrix.to/#/{mentioned}">{NAME}</a>: {text}'
        content |= {
            "body": f"{NAME}: {text}",
            "format": "org.matrix.custom.html",
            "formatted_body": pill,
            "m.mentions": {"user_ids": [mentioned]},
        }
    return content


def _relates(reply_to: str, thread: str) -> dict[str, Any]:
    reply = {"m.in_reply_to": {"event_id": reply_to or thread}}
    if thread:
        relates = {"rel_type": "m.thread", "event_id": thread, "is_falling_back": not reply_to}
        return {"m.relates_to": relates | reply}
    return {"m.relates_to": reply} if reply_to else {}
