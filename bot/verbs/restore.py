"""`parley db restore | move`: another file in the place of the database, while no bot runs."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from bot.config import Settings
from bot.control import actor
from bot.keyring import keyring_of
from bot.place import place_of
from bot.secret import audit_key
from bot.verbs.opened import assert_stopped
from bot.verbs.progress import Report, progress
from storage.audit import Audit
from storage.former import former_of
from storage.opening import unopened
from storage.records import AuditEntry
from storage.relocation import Relocation, placed, written_line
from storage.restoring import Restored, Restoring

RUNNING = "the bot is running: stop it, and try again"
BESIDE = "Kept beside: {} (no erasure reaches it; the bot deletes it on {:%Y-%m-%d})"


def restore(settings: Settings, source: Path, *, without_present: bool = False) -> None:
    """Put a backup in place and say where the former files are."""
    done = asyncio.run(_restore(settings, source.absolute(), needs_present=not without_present))
    click.echo(f"{settings.storage.path} is what {source} was.")
    for path in done.kept:
        _tell(path)
    if done.lost:
        click.echo(
            f"Could not be read in the former database: {', '.join(done.lost)}. What was written"
            " there since the backup is not known to this one."
        )


def move(settings: Settings, target: Path) -> None:
    """Move the database, and say what to write into the configuration."""
    target = target.absolute()
    with progress("move", unit=" pages") as report:
        kept = asyncio.run(_move(settings, target, report))
    click.echo(f"{target} is the database now. In the configuration:")
    click.echo(f"  {written_line(target)}")
    if settings.storage.mode not in ("auto", placed(place_of(settings), target).mode):
        click.echo('  storage.mode = "auto"')
    for path in kept:
        _tell(path)


def _tell(kept: Path) -> None:
    if found := former_of(kept):
        click.echo(BESIDE.format(kept, found.due))


async def _move(settings: Settings, target: Path, report: Report) -> Sequence[Path]:
    place = place_of(settings)
    await assert_stopped(settings, RUNNING)
    keys = await asyncio.to_thread(keyring_of, settings)
    database = unopened(place, keys.current)
    audit = Audit(database, audit_key(settings), settings.storage.anchor)
    entry = AuditEntry(actor(), "db move", str(target))
    relocation = Relocation(place, placed(place, target), keys.current, audit)
    return await relocation.move(entry, datetime.now(UTC), report)


async def _restore(settings: Settings, source: Path, *, needs_present: bool) -> Restored:
    place = place_of(settings)
    await assert_stopped(settings, RUNNING)
    keys = await asyncio.to_thread(keyring_of, settings)
    database = unopened(place, keys.current)
    audit = Audit(database, audit_key(settings), settings.storage.anchor)
    entry = AuditEntry(actor(), "db restore", str(source), json.dumps({"file": source.name}))
    restoring = Restoring(place, keys, audit)
    return await restoring.restore(source, entry, datetime.now(UTC), needs_present=needs_present)
