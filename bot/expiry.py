"""Retention as it is now, from settings and administrators, and the sweep that carries it out."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict

import structlog

from bot.change import Change
from bot.roster import Roster
from bot.sessions import Sessions
from storage.audit import Audit
from storage.records import AuditEntry
from storage.retention import Retention
from storage.sweeper import Sweeper

log = structlog.get_logger(__name__)

SETTING = "retention"
"""The setting that holds the days; with `:` and a place's key behind it, that place's."""


class Expiry:
    """`days` are the configuration's; `forget` makes the engine forget a session."""

    def __init__(
        self,
        days: int,
        roster: Roster,
        sweeper: Sweeper,
        audit: Audit,
        sessions: Sessions,
        forget: Callable[[str], Awaitable[None]],
    ) -> None:
        self._days = days
        self._roster = roster
        self._sweeper = sweeper
        self._audit = audit
        self._sessions = sessions
        self._forget = forget

    @property
    def retention(self) -> Retention:
        """What holds now."""
        given = self._roster.setting(SETTING)
        places = self._roster.settings_below(f"{SETTING}:")
        days = {key: int(value) for key, value in places.items()}
        return Retention(self._days if given is None else int(given), days)

    def keep(self, days: int | None, place: str, entry: AuditEntry) -> Change:
        """Keep a place's conversations (empty: all) so long; None: as if nobody had said."""
        key = f"{SETTING}:{place}" if place else SETTING
        return self._roster.set(key, None if days is None else str(days), entry)

    async def sweep(self) -> None:
        """Delete what is kept no longer, in memory and in the engine too."""
        swept = await self._sweeper.sweep(self.retention)
        for session in swept.sessions:
            self._sessions.reload(session)
            await self._forget(session)
        if not swept.is_nothing:
            counts = {kind: count for kind, count in asdict(swept).items() if kind != "sessions"}
            await self._audit.add(AuditEntry("system", "retention", "", json.dumps(counts)))
            log.info("what was kept no longer is deleted", **counts)
