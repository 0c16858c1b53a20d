"""Keeps a lease: commits in time, for each commit is a beat, and ends when it is lost."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy import Connection

from storage.database import Database
from storage.lease import Lease
from storage.records import Fenced, StorageError
from storage.tenure import BEATS, STOP_AFTER


async def keep(lease: Lease, database: Database) -> None:
    """Return when the lease is another's, or may be by now and can't be confirmed.

    A lease that lapsed meanwhile, for this process slept or was slow to start, is kept if the file
    still says whose it is: nobody acts on it before the commit that finds out.
    """
    while await _beats(lease, database):
        await _rest(lease)


@asynccontextmanager
async def keeping(lease: Lease | None, database: Database) -> AsyncGenerator[None]:
    """Keep the lease, if there is one, while the block runs; a write in it says if it is lost."""
    if lease is None:
        yield
        return
    task = asyncio.create_task(keep(lease, database))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _beats(lease: Lease, database: Database) -> bool:
    """Commit; whether the lease is still held. A commit that fails may be tried again in time."""
    try:
        async with asyncio.timeout(STOP_AFTER * lease.terms.ttl_s):
            await database.write(_nothing)
    except Fenced:
        return False
    except (TimeoutError, StorageError):
        return lease.is_held
    return True


async def _rest(lease: Lease) -> None:
    await asyncio.sleep(min(lease.terms.ttl_s / BEATS, lease.left_s))


def _nothing(connection: Connection) -> None: ...
