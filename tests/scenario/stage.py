"""A bot and a platform with people on it, for scenarios that run on every platform."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.access import Role
from bot.app import App
from bot.commands import Desk
from engine.scripted import ScriptedEngine
from storage.records import AuditEntry
from tests.fakes.platform import FakePlatform
from tests.scenario.bots import entered, running_app, settings_in
from tests.venues.base import Action, Feature, Place, Shown, Upload, Venue
from tests.venues.page import PageVenue


@dataclass(frozen=True, slots=True)
class Someone:
    """A person in a place."""

    venue: Venue
    name: str
    place: Place

    async def say(self, text: str, **how: Any) -> str:
        """Write a message; its id. `how` is as in `Venue.say`."""
        return await self.venue.say(self.name, self.place, text, **how)

    async def send(self, text: str, name: str, mime: str, content: bytes) -> str:
        """Send a file with a text."""
        return await self.say(text, file=Upload(name, mime, content))

    async def command(self, text: str) -> None:
        """Give a command."""
        await self.venue.command(self.name, self.place, text)

    async def edit(self, message: str, text: str) -> None:
        await self.venue.edit(self.name, self.place, message, text)

    async def delete(self, message: str) -> None:
        await self.venue.delete(self.name, self.place, message)

    async def react(self, message: str, emoji: str) -> None:
        await self.venue.react(self.name, self.place, message, emoji)

    async def press(self, message: str, action: Action) -> None:
        await self.venue.press(self.name, self.place, message, action)

    @property
    def shown(self) -> list[Shown]:
        """What the bot's messages there are now."""
        return self.venue.shown(self.name, self.place)

    @property
    def texts(self) -> list[str]:
        """Their texts."""
        return [message.text.strip() for message in self.shown]

    @property
    def suggested(self) -> set[str]:
        """The commands that the person's client suggests."""
        return self.venue.suggested(self.name, self.place)

    async def sees(self, *texts: str) -> list[Shown]:
        """Wait until exactly these texts stand there from the bot; the messages."""
        try:
            await self.venue.until(lambda: self.texts == list(texts))
        except TimeoutError:
            raise AssertionError(f"{self.texts} instead of {list(texts)}") from None
        return self.shown


@dataclass(frozen=True, slots=True)
class Stage:
    """A running bot on one platform."""

    venue: Venue
    engine: ScriptedEngine
    desk: Desk

    async def stored(self, person: str) -> dict[str, Any]:
        """What is stored of a person, as `export` gives it."""
        return await self.desk.members.export(self.key(person))

    async def alone(self, person: str) -> Someone:
        """The person's chat with the bot."""
        return Someone(self.venue, person, await self.venue.direct(person))

    async def room(self, *people: str) -> tuple[Someone, ...]:
        """A new room of people and the bot."""
        place = await self.venue.room(*people)
        return tuple(Someone(self.venue, person, place) for person in people)

    async def promote(self, person: str, role: Role) -> None:
        """Give somebody a role, as an owner would."""
        await self.venue.direct(person)
        key = self.key(person)
        roster = self.desk.roster
        await roster.make(roster.set_role(key, role, AuditEntry("owner", "role", key)))

    def key(self, person: str) -> str:
        """What the bot knows a person by."""
        [account] = [key[1] for key in self.desk.adapters if key[0] == self.venue.name]
        return f"{self.venue.name}:{account}:{self.venue.person_id(person)}"

    def need(self, *features: Feature) -> None:
        """Skip the test where the platform has no such thing."""
        for feature in features:
            if feature not in self.venue.features:
                pytest.skip(f"{self.venue.name} has no {feature}")


@asynccontextmanager
async def staged(
    venue: Venue,
    directory: Path,
    *,
    sections: Mapping[str, dict[str, Any]] | None = None,
) -> AsyncGenerator[Stage]:
    """Run a bot on the venue's platform while the block runs.

    Its engine is scripted unless `sections` ask for another.
    """
    wanted = {"access": {"open": [venue.name, "fake"]}} | dict(sections or {})
    settings = settings_in(directory, **(venue.settings() | wanted))
    engine = ScriptedEngine(context_tokens=settings.engine.context_tokens)
    scripted = entered(engine) if settings.engine.kind == "scripted" else None
    app = App(settings, engine=scripted)
    async with running_app(app, FakePlatform()) as running:
        if isinstance(venue, PageVenue):
            venue.open(running.url)
        yield Stage(venue, engine, running.desk)
