"""`parley db restore`: a backup in the place of the database, while no bot runs."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import click

from bot.config import Settings
from bot.control import ControlError, NotRunning, actor, ask, socket_path
from bot.keyring import keyring_of
from bot.place import place_of
from bot.secret import audit_key
from storage.audit import Audit
from storage.opening import unopened
from storage.records import AuditEntry
from storage.restoring import Restored, Restoring


def restore(settings: Settings, source: Path) -> None:
    """Put a backup in place and say where the former files are."""
    done = asyncio.run(_restore(settings, source.absolute()))
    click.echo(f"{settings.storage.path} is what {source} was.")
    for path in done.kept:
        click.echo(f"Kept beside: {path}")
    if done.kept and not done.went_on:
        click.echo(
            "The former database could not be read: what was erased, audited or fetched since the"
            " backup is not known to this one."
        )


async def _restore(settings: Settings, source: Path) -> Restored:
    place = place_of(settings)
    await stopped(settings)
    keys = await asyncio.to_thread(keyring_of, settings)
    database = unopened(place, keys.current)
    audit = Audit(database, audit_key(settings), settings.storage.anchor)
    entry = AuditEntry(actor(), "db restore", str(source), json.dumps({"file": source.name}))
    return await Restoring(place, keys, audit).restore(source, entry, datetime.now(UTC))


async def stopped(settings: Settings) -> None:
    """Raises `ControlError` while the bot runs."""
    try:
        await ask(socket_path(place_of(settings).home), {"do": "status"})
    except NotRunning:
        return
    raise ControlError("the bot is running: stop it, and try again")
