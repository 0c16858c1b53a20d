"""Keeps a lease: commits in time, for each commit is a beat, and ends when it is lost."""

import asyncio
from contextlib import suppress

from sqlalchemy import Connection

from storage.database import Database
from storage.lease import Lease
from storage.records import StorageError
from storage.tenure import BEATS


async def keep(lease: Lease, database: Database) -> None:
    """Return when the lease is another's, or may be by now."""
    while lease.is_held:
        with suppress(TimeoutError, StorageError):
            async with asyncio.timeout(lease.left_s):
                await database.write(_nothing)
        await asyncio.sleep(min(lease.terms.ttl_s / BEATS, lease.left_s))


def _nothing(connection: Connection) -> None: ...
