"""The database in the hands of a command, while no bot runs that owns it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bot.config import Settings
from bot.control import ControlError, NotRunning, ask, socket_path
from bot.keyring import keyring_of
from bot.place import place_of
from bot.secret import audit_key
from storage import opening
from storage.audit import Audit
from storage.beat import keeping
from storage.database import Database


def assert_stopped(settings: Settings, fault: str) -> None:
    """Raises `ControlError` with these words while a bot runs."""
    try:
        asyncio.run(ask(socket_path(place_of(settings).here), {"do": "status"}))
    except NotRunning:
        return
    raise ControlError(fault)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncGenerator[tuple[Database, Audit]]:
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
            yield store.database, audit
            await audit.anchor()
