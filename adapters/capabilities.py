"""What an adapter may do beside what every adapter does: the bot asks `isinstance` and adapts.

Each capability is a protocol of one or two calls; their errors are those of `adapters.base`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol, runtime_checkable

from starlette.routing import Route

from adapters.base import Address, Attachment, MessageRef


class Preview(Protocol):
    """An answer that grows before people's eyes; what it shows is not kept by the platform."""

    async def wait(self, place: int, eta_s: float | None) -> None:
        """Show the place in the queue, from 1, and the seconds it may take, if known."""
        ...

    async def show(self, markdown: str) -> None:
        """Show the whole answer so far."""
        ...

    async def close(self) -> None:
        """Take the preview away; the message posted under its key replaces it, if there is one."""
        ...


@runtime_checkable
class Streams(Protocol):
    """An adapter whose platform can show an answer while it grows without editing a message."""

    async def open_stream(self, to: Address, key: str) -> Preview | None:
        """The preview of the message that will be posted under `key`; None: not at this address."""
        ...


@runtime_checkable
class Files(Protocol):
    """An adapter that can post a file."""

    async def send_file(self, to: Address, name: str, content: bytes, key: str) -> MessageRef: ...


@runtime_checkable
class Fetches(Protocol):
    """An adapter whose people can attach files."""

    async def fetch(self, file: Attachment, max_bytes: int) -> bytes:
        """The file's content. Raises `Rejected` when it is larger, gone or not the bot's to see."""
        ...


@dataclass(slots=True)
class Link:
    """How the connection to a platform is; its adapter keeps it, health and metrics read it.

    `refused` is for people to mend: the token, a scope, the account. `detail` is one sentence.
    """

    state: Literal["connecting", "up", "down", "refused"] = "connecting"
    detail: str = ""
    last_event_at: datetime | None = None

    def set_up(self) -> None:
        """The platform answers."""
        self.state, self.detail = "up", ""

    def set_down(self, detail: str) -> None:
        """The platform can't be reached; the adapter tries again."""
        self.state, self.detail = "down", detail

    def set_refused(self, detail: str) -> None:
        """The platform turns the bot away."""
        self.state, self.detail = "refused", detail

    def note_event(self) -> None:
        """Something came in."""
        self.last_event_at = datetime.now(UTC)


@runtime_checkable
class Connects(Protocol):
    """An adapter that reaches its platform over the network."""

    @property
    def link(self) -> Link: ...

    async def check(self) -> str:
        """Who the bot is there, in a few words. Raises `AuthFailed` with what to do about it."""
        ...


@runtime_checkable
class Webhooks(Protocol):
    """An adapter that its platform calls over HTTP, where the configuration says so."""

    def routes(self) -> Sequence[Route]:
        """What to mount on the bot's port; each route authenticates its callers itself."""
        ...


@runtime_checkable
class Invitable(Protocol):
    """An adapter whose platform asks the bot before it is in a room."""

    async def join(self, room: str) -> None:
        """Accept. Being in the room already is success."""
        ...

    async def leave(self, room: str) -> None:
        """Decline, or go."""
        ...


@dataclass(frozen=True, slots=True)
class CommandHint:
    """A command for a menu or for completion."""

    name: str
    arguments: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Menu:
    """The commands by language (BCP 47, the first is the default), and those of administrators.

    `administrators` are ids of persons on the platform.
    """

    everyone: Mapping[str, Sequence[CommandHint]]
    for_administrators: Mapping[str, Sequence[CommandHint]]
    administrators: frozenset[str] = field(default_factory=frozenset[str])


@runtime_checkable
class Menus(Protocol):
    """An adapter whose platform shows people the commands that there are."""

    async def offer(self, menu: Menu) -> None:
        """Show this menu from now on."""
        ...


@runtime_checkable
class Keeps(Protocol):
    """An adapter whose platform is Parley's own and keeps what people write there."""

    async def export(self, person: str) -> object:
        """What the platform keeps of `person`, ready for JSON."""
        ...

    async def forget(self, person: str) -> int:
        """Erase what `person` wrote and was answered; return how many messages that were."""
        ...
