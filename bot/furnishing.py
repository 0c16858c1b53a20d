"""What a bot that begins to answer is furnished with: its records, and all that commands work on.

Nothing is started here; `app` does that, and owns what this stands on.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.base import Adapter
from bot.answer import Answering
from bot.attachments import Attachments
from bot.backups import Backups
from bot.commands import Desk
from bot.computing import Computing, Memory
from bot.config import Settings
from bot.configured import note_changes, note_model
from bot.delivery import Delivery, Spawn
from bot.erasures import Erasures
from bot.expiry import Expiry
from bot.health import Metrics
from bot.key_age import KeyAge, note_key
from bot.place import place_of
from bot.ready import ReadyAnswers
from bot.reply import Outlet, Sinks
from bot.roster import Roster
from bot.secret import audit_key
from bot.sessions import Sessions
from bot.standards import Standards
from engine.base import Engine
from storage.audit import Audit
from storage.backup import Copies, sweep
from storage.former import Formers
from storage.inbox import Inbox
from storage.key import Keyring
from storage.known import Known
from storage.members import Members
from storage.outbox import Outbox
from storage.roster import RosterStore
from storage.search import Search
from storage.standard import StandardStore
from storage.store import Store
from storage.sweeper import Sweeper
from storage.turns import Turns
from storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Ground:
    """What a bot stands on. `adapters` are by platform and account; more may come."""

    settings: Settings
    store: Store
    engine: Engine
    keys: Keyring
    adapters: dict[tuple[str, str], Adapter]
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Records:
    """Who did what, who may, and how old the database's key is."""

    audit: Audit
    roster: Roster
    key_age: KeyAge


async def furnished(ground: Ground, spawn: Spawn, stop: Callable[[], None]) -> tuple[Desk, Sinks]:
    """What commands are given, and where answers go. Raises `StorageError`."""
    settings, database, engine = ground.settings, ground.store.database, ground.engine
    records = await _records(ground)
    audit, roster = records.audit, records.roster
    ready = await _ready(ground, records)
    memory = Memory(Inbox(database), Outbox(database), Turns(database), roster, ready)
    delivery = Delivery(memory.outbox, ground.adapters, spawn, ground.metrics)
    sinks = Sinks(ground.adapters, Outlet(memory.outbox, delivery), settings.bot.language)
    computing = Computing(settings, engine, memory, Attachments(ground.adapters))
    answering = Answering(settings, computing, memory, delivery, sinks, ground.metrics)
    sessions = Sessions(answering, spawn)
    storage, sweeper = settings.storage, Sweeper(database)
    vault = _vault(ground, audit)
    place = place_of(settings)
    formers = Formers(place.path, place.working, database)
    erasures = Erasures(ground.store, audit, vault, formers)
    desk = Desk(
        settings=settings,
        engine=engine,
        memory=memory,
        members=Members(database),
        sessions=sessions,
        answering=answering,
        delivery=delivery,
        roster=roster,
        audit=audit,
        search=Search(database),
        storage=ground.store.condition,
        key_age=records.key_age,
        backups=Backups(vault, erasures, storage.backup_at, ground.metrics) if vault else None,
        erasures=erasures,
        expiry=Expiry(storage.retention_days, roster, sweeper, audit, sessions, engine.forget),
        stop=stop,
        adapters=ground.adapters,
        started_at=datetime.now(UTC),
    )
    return desk, sinks


async def _records(ground: Ground) -> Records:
    """With what this start changed written down."""
    settings, key, database = ground.settings, audit_key(ground.settings), ground.store.database
    audit = Audit(database, key, settings.storage.anchor)
    await audit.begin()
    place = place_of(settings)
    for name in {database.path.name, place.path.name}:
        await asyncio.to_thread(sweep, place.scratch, name)
    store = RosterStore(database, audit)
    key_age = KeyAge(await note_key(ground.keys.current, store), settings.storage.key_days)
    roster = Roster(store, settings.access)
    await roster.load()
    await note_changes(settings, roster, key)
    if settings.engine.kind != "remote":  # whose model the configuration names
        status = await ground.engine.status()
        await note_model(status.model, status.sha256, roster)
    return Records(audit, roster, key_age)


async def _ready(ground: Ground, records: Records) -> ReadyAnswers:
    """Answers that need no model."""
    settings, database = ground.settings, ground.store.database
    store = StandardStore(database, records.audit)
    standards = Standards(store, settings.bot.name, settings.bot.language)
    await standards.load()
    return ReadyAnswers(settings, records.roster, standards, Known(database), ground.metrics)


def _vault(ground: Ground, audit: Audit) -> Vault | None:
    storage = ground.settings.storage
    if storage.backup_dir is None:
        return None
    scratch = place_of(ground.settings).scratch
    copies = Copies(ground.store.database, audit, scratch, ground.keys.all)
    return Vault(storage.backup_dir, storage.path.stem, copies)
