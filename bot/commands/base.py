"""What a command is, and what it may reach."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from adapters.base import Adapter, AdapterError, Address, MessageEvent
from adapters.capabilities import Menus
from bot.access import Role
from bot.answer import Answering
from bot.backups import Backups
from bot.change import NOTHING, Change
from bot.computing import Memory
from bot.config import Settings
from bot.delivery import Delivery
from bot.erasures import Erasures
from bot.expiry import Expiry
from bot.key_age import KeyAge
from bot.menu import menu_for
from bot.roster import Roster
from bot.sessions import Sessions
from bot.texts import Texts
from engine.base import Engine
from storage.audit import Audit
from storage.condition import Condition
from storage.members import Members
from storage.records import Inbound
from storage.search import Search

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that commands work on."""

    settings: Settings
    engine: Engine
    memory: Memory
    members: Members
    sessions: Sessions
    answering: Answering
    delivery: Delivery
    roster: Roster
    audit: Audit
    search: Search
    storage: Callable[[], Awaitable[Condition]]
    key_age: KeyAge
    backups: Backups | None
    erasures: Erasures
    expiry: Expiry
    stop: Callable[[], None]
    adapters: Mapping[tuple[str, str], Adapter]
    started_at: datetime

    def sign(self, address: Address) -> str:
        """What people write before a command's name there."""
        adapter = self.adapters.get((address.platform, address.account))
        return adapter.limits.command if adapter else "/"

    async def offer_menus(self) -> None:
        """Show people the commands, and administrators theirs, where a platform can."""
        for adapter in self.adapters.values():
            if isinstance(adapter, Menus):
                administrators = self.roster.administrators(adapter.name, adapter.account)
                try:
                    await adapter.offer(menu_for(administrators))
                except AdapterError as error:
                    log.warning("no menu", platform=adapter.name, why=str(error))


@dataclass(frozen=True, slots=True)
class Invocation:
    """One use of a command."""

    inbound: Inbound
    event: MessageEvent
    arguments: str
    session: str
    person: str
    role: Role
    texts: Texts
    desk: Desk

    @property
    def row(self) -> int:
        """The inbox row that ends with the reply."""
        return self.inbound.id

    @property
    def sign(self) -> str:
        """What the person writes before a command's name."""
        return self.desk.sign(self.event.address)

    @property
    def origin(self) -> str:
        """From where it was given, for the audit."""
        place = self.event.address
        return json.dumps({"platform": place.platform, "room": place.room})

    async def reply(self, markdown: str, change: Change = NOTHING) -> None:
        """Answer and end the command, in one commit with what it changes."""
        await self.desk.answering.tell(self.event, markdown, self.row, also=change.steps)
        change.apply()


@dataclass(frozen=True, slots=True)
class Command:
    """A command's name, the least role that may use it, and what it does.

    Its arguments and help stand in `bot/texts`, in every language, unless it is `hidden`: then a
    platform gives it, and no person.
    """

    name: str
    run: Callable[[Invocation], Awaitable[None]]
    role: Role = Role.GUEST
    hidden: bool = False
