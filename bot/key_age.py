"""How long a key is in force, and whether it is time for another.

The database remembers the mark of its key and since when it has it, so it is noticed at the next
start however the key was changed.
"""

import asyncio
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog

from storage.clock import Clock, utc_now
from storage.key import Key
from storage.records import AuditEntry
from storage.roster import RosterStore

log = structlog.get_logger(__name__)

DAY_S = 86_400.0
KEPT = "storage key"
"""The setting that holds it."""


@dataclass(frozen=True, slots=True)
class KeyAge:
    """Since when a key is in force; None without one. After `days` another is due; 0: never."""

    since: datetime | None
    days: int = 0

    def seconds(self, now: datetime) -> float:
        """The key's age; 0 without one."""
        return max((now - self.since).total_seconds(), 0.0) if self.since else 0.0

    def reminder(self, now: datetime) -> str:
        """What to do about it; empty while there is nothing to do."""
        age = timedelta(seconds=self.seconds(now))
        if not self.days or age < timedelta(days=self.days):
            return ""
        return f"the storage key is {age.days} days old: change it with “parley db rekey”"


@dataclass(frozen=True, slots=True)
class _Kept:
    """The key that the database last had; both are empty without one."""

    mark: str = ""
    since: str = ""

    @property
    def in_force(self) -> datetime | None:
        return datetime.fromisoformat(self.since) if self.mark else None


async def key_since(store: RosterStore) -> datetime | None:
    """Since when the database has its key; None without one, and before its first start."""
    return (await _kept(store)).in_force


async def note_key(
    key: Key | None, store: RosterStore, actor: str = "system", now: Clock = utc_now
) -> datetime | None:
    """Since when this key is in force; one that is new to the database is written down."""
    before = await _kept(store)
    mark = key.mark if key else ""
    if mark == before.mark:
        return before.in_force
    after = _Kept(mark, now().isoformat())
    entry = AuditEntry(actor, "storage key", "", json.dumps({"encrypted": key is not None}))
    await store.commit([store.setting_to(KEPT, json.dumps(asdict(after)), entry)])
    return after.in_force


async def _kept(store: RosterStore) -> _Kept:
    found = (await store.standing()).settings.get(KEPT)
    return _Kept(**json.loads(found)) if found else _Kept()


async def remind(age: KeyAge) -> None:
    """Log, once a day, that another key is due; until it is cancelled."""
    while True:
        if reminder := age.reminder(utc_now()):
            log.warning("another key is due", remedy=reminder)
        await asyncio.sleep(DAY_S)
