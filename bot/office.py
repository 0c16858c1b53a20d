"""What the running bot does for `parley db …` and its kin, asked over the control socket."""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot import __version__
from bot.access import GIVEN, Role
from bot.commands import Desk
from bot.control import ControlError, Progress, Task
from bot.finding import find
from bot.model import choose
from bot.people import NobodyFound, Register, role_named, whole_key
from bot.person import erase, gather
from bot.place import place_of
from bot.receipt import dues, written
from bot.witness import page, shown, verified
from engine.base import EngineError, NoRoom
from storage import backup
from storage.clock import utc_now
from storage.database import Database
from storage.records import AuditEntry

READS = "it reads the latest conversations ({count}), a minute at most; the other answers meanwhile"
PAUSE_HELPS = "With --pause the one that answers stops before it loads; messages wait meanwhile."


def tasks_for(desk: Desk, database: Database) -> dict[str, Task]:
    """The tasks by the name they are asked for."""
    office = Office(desk, database)
    return {
        "status": office.status,
        "db.check": office.check,
        "db.backup": office.backup,
        "db.export": office.export,
        "db.erase": office.erase,
        "models.use": office.use_model,
        "db.search": office.search,
        "audit.verify": office.verify,
        "audit.show": office.show,
        "audit.page": office.page,
        "user.list": office.list_users,
        "user.pair": office.pair_user,
        "user.grant": office.grant,
        "user.revoke": office.revoke,
    }


class Office:
    """The tasks."""

    def __init__(self, desk: Desk, database: Database) -> None:
        self._desk = desk
        self._database = database
        self._copies = backup.Copies(database, desk.audit, place_of(desk.settings).scratch)
        self._register = Register(desk.roster, desk.members, desk.adapters)

    async def status(self, request: Mapping[str, Any], progress: Progress) -> object:
        """What `parley doctor` and `parley chat` want to know of a running bot."""
        engine = await self._desk.engine.status()
        return {
            "version": __version__,
            "role": "primary",
            "epoch": (await self._desk.storage()).epoch,
            "model": engine.model,
            "state": engine.state,
            "detail": engine.detail,
            "turns": await self._desk.memory.turns.count(),
            "reminder": self._desk.key_age.reminder(utc_now()),
            "former": dues(self._desk.erasures.formers.known),
            "former_fault": self._desk.erasures.formers.fault,
        }

    async def check(self, request: Mapping[str, Any], progress: Progress) -> object:
        """Look for damage."""
        result = await backup.check(self._database)
        return {
            "problems": list(result.problems),
            "revision": result.revision,
            "size_bytes": result.size_bytes,
        }

    async def backup(self, request: Mapping[str, Any], progress: Progress) -> object:
        """Copy the database to a file that is checked before it gets its name."""
        target = Path(str(request["target"]))
        loop = asyncio.get_running_loop()

        def report(done: int, total: int) -> None:
            asyncio.run_coroutine_threadsafe(progress([done, total]), loop)

        await self._copies.give(target, report)
        await self._desk.audit.add(AuditEntry(_actor(request), "db backup", str(target)))
        return {"target": str(target)}

    async def export(self, request: Mapping[str, Any], progress: Progress) -> object:
        """Everything about one person."""
        person = _person(request)
        await self._desk.audit.add(AuditEntry(_actor(request), "db export", person))
        return await gather(self._desk, person)

    async def erase(self, request: Mapping[str, Any], progress: Progress) -> object:
        """Erase everything about one person."""
        person = _person(request)
        entry = AuditEntry(_actor(request), "db erase", person)
        return written(await erase(self._desk, person, entry))

    async def use_model(self, request: Mapping[str, Any], progress: Progress) -> object:
        """Let another model answer."""
        desk, name, pause = self._desk, str(request["name"]), bool(request.get("pause"))

        async def reads(count: int) -> None:
            with suppress(ConnectionError):  # who has gone meanwhile has ordered it all the same
                await progress(READS.format(count=count))

        await progress(f"loading {name}")
        try:
            choice = await choose(desk.settings, desk.engine, name, pause=pause, reads=reads)
        except EngineError as error:
            helps = isinstance(error, NoRoom) and error.pause_helps
            raise ControlError(f"{error} {PAUSE_HELPS}" if helps else str(error)) from error
        await desk.audit.add(AuditEntry(str(request["actor"]), "models use", choice.model))
        return asdict(choice)

    async def search(self, request: Mapping[str, Any], progress: Progress) -> object:
        """Find what was said, everywhere: whoever is at the machine can read the file."""
        await self._desk.audit.add(AuditEntry(_actor(request), "db search"))
        return await find(self._desk.search, str(request["query"]), int(request["limit"]))

    async def verify(self, request: Mapping[str, Any], progress: Progress) -> object:
        """Hold the audit against its chain and its anchor."""
        await self._desk.audit.anchor()
        return await verified(self._desk.audit)

    async def show(self, request: Mapping[str, Any], progress: Progress) -> object:
        """The audit's last entries."""
        return await shown(self._desk.audit, int(request["limit"]))

    async def page(self, request: Mapping[str, Any], progress: Progress) -> object:
        """The audit's next entries after one."""
        return await page(self._desk.audit, int(request["after"]))

    async def list_users(self, request: Mapping[str, Any], progress: Progress) -> object:
        """Who was seen, and their roles."""
        return await self._register.rows()

    async def pair_user(self, request: Mapping[str, Any], progress: Progress) -> object:
        """A one-time code to let somebody in with."""
        return await self._register.pair(_role(request), str(request["actor"]))

    async def grant(self, request: Mapping[str, Any], progress: Progress) -> object:
        """Give somebody a role."""
        role, actor = _role(request), str(request["actor"])
        return await self._changed(self._register.grant(str(request["person"]), role, actor))

    async def revoke(self, request: Mapping[str, Any], progress: Progress) -> object:
        """Take what somebody was given."""
        person, actor = str(request["person"]), str(request["actor"])
        return await self._changed(self._register.revoke(person, actor))

    async def _changed(self, change: Awaitable[object]) -> object:
        try:
            done = await change
        except NobodyFound as error:
            raise ControlError(str(error)) from error
        await self._desk.offer_menus()
        return done


def _role(request: Mapping[str, Any]) -> Role:
    role = role_named(str(request.get("role", "")))
    if role is None:
        raise ControlError(f"“{request.get('role')}” is no role: {', '.join(GIVEN)} are")
    return role


def _actor(request: Mapping[str, Any]) -> str:
    return str(request.get("actor", "console"))


def _person(request: Mapping[str, Any]) -> str:
    try:
        return whole_key(str(request.get("person", "")))
    except NobodyFound as error:
        raise ControlError(str(error)) from error
