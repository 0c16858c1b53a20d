"""What a command asks: the running bot, for it owns the database; where none runs, the file."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from bot.config import Settings
from bot.control import ControlError, NotRunning, ask, socket_path
from bot.keyring import keyring_of
from bot.place import place_of
from bot.secret import audit_key
from storage import opening
from storage.audit import Audit
from storage.beat import keeping
from storage.database import Database


class Opened(NamedTuple):
    """A database that no bot owns, and its audit."""

    database: Database
    audit: Audit


Alone = Callable[[Opened], Awaitable[object]]


async def asked(settings: Settings, request: Mapping[str, object], alone: Alone) -> Any:
    """The running bot's answer; where none runs, what `alone` makes of the opened file."""
    try:
        return await ask(socket_path(place_of(settings).here), request)
    except NotRunning:
        async with opened(settings) as file:
            return await alone(file)


async def assert_stopped(settings: Settings, fault: str) -> None:
    """Raises `ControlError` with these words while a bot runs."""
    try:
        await ask(socket_path(place_of(settings).here), {"do": "status"})
    except NotRunning:
        return
    raise ControlError(fault)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncGenerator[Opened]:
    """The file and its audit, whose anchor tells of what was added when the block ends."""
    keys = await asyncio.to_thread(keyring_of, settings)
    place = place_of(settings)
    with opening.leasing(place) as lease:
        async with (
            opening.opened(place, key=keys.current, lease=lease) as store,
            keeping(lease, store.database),
        ):
            audit = Audit(store.database, audit_key(settings), settings.storage.anchor)
            await audit.begin()
            yield Opened(store.database, audit)
            await audit.anchor()
