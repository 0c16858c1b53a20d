"""The database in the hands of a command, while no bot runs that owns it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bot.config import Settings
from bot.place import place_of
from bot.secret import audit_key
from storage import opening
from storage.audit import Audit
from storage.database import Database


@asynccontextmanager
async def opened(settings: Settings) -> AsyncGenerator[tuple[Database, Audit]]:
    """The file and its audit, whose anchor tells of what was added when the block ends."""
    async with opening.opened(place_of(settings)) as store:
        audit = Audit(store.database, audit_key(settings), settings.storage.anchor)
        await audit.begin()
        yield store.database, audit
        await audit.anchor()
