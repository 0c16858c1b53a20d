"""What people can do and see on a platform, the same for all of them.

The scenario suite talks to a bot through this alone, so it runs on every platform. A venue drives
the platform's side (a fake's own people, a real server's other users); the bot reaches it over
sockets with `settings()`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Feature = Literal[
    "rooms",
    "threads",
    "replies",
    "edits",
    "deletes",
    "reactions",
    "buttons",
    "stop button",
    "files",
    "typing",
    "suggestions",
    "encryption",
    "ephemeral",
]

Action = Literal["stop", "retry", "good", "bad"]


@dataclass(frozen=True, slots=True)
class Place:
    """A chat: somebody's with the bot alone (`direct`), or a room; `id` is the platform's."""

    id: str
    direct: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the bot's as a person sees it now.

    `text` is what can be read, without markup; `raw` is what was sent. `edits` counts how often it
    changed, `buttons` are the actions that can be pressed, `file` the name of what is attached.
    """

    id: str
    text: str
    raw: str = ""
    edits: int = 0
    thread: str = ""
    reply_to: str = ""
    buttons: tuple[Action, ...] = ()
    file: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a person sends."""

    name: str
    mime: str
    content: bytes


class Patient:
    """Waits for what people see."""

    async def until(self, condition: Callable[[], bool], timeout_s: float = 60) -> None:
        """Wait until people see that a condition holds."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.01)


class Venue(Protocol):
    """One platform. People are named by words without spaces; they exist once they are named."""

    name: str
    features: frozenset[Feature]

    def settings(self) -> dict[str, dict[str, Any]]:
        """The sections of the configuration that connect a bot to it."""
        ...

    def person_id(self, person: str) -> str:
        """The platform's immutable id of a person, as in `adapters.base.Person.id`."""
        ...

    async def direct(self, person: str) -> Place:
        """The person's chat with the bot."""
        ...

    async def room(self, *people: str) -> Place:
        """A new room with these people and the bot in it."""
        ...

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
        """Write a message; its id. `mention` names the bot as the platform's clients do."""
        ...

    async def command(self, person: str, place: Place, text: str) -> None:
        """Give a command, without the platform's prefix in `text`."""
        ...

    async def edit(self, person: str, place: Place, message: str, text: str) -> None: ...

    async def delete(self, person: str, place: Place, message: str) -> None: ...

    async def react(self, person: str, place: Place, message: str, emoji: str) -> None: ...

    async def press(self, person: str, place: Place, message: str, action: Action) -> None: ...

    def shown(self, person: str, place: Place) -> list[Shown]:
        """What stands in the place from the bot, oldest first, as the person sees it."""
        ...

    def typed(self, place: Place) -> bool:
        """Whether the bot ever showed there that it is writing."""
        ...

    def suggested(self, person: str, place: Place) -> set[str]:
        """The names of the commands that a client suggests there."""
        ...

    async def until(self, condition: Callable[[], bool], timeout_s: float = 60) -> None:
        """Wait until people see that a condition holds."""
        ...
