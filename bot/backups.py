"""Backups by the clock: taken, rotated, tried again when they fail, and told of.

How a backup is made is `storage/backup.py`'s, where it goes `storage/vault.py`'s business.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import structlog

from bot.erasures import Erasures
from bot.health import Metrics, PartState
from storage.clock import Clock, utc_now
from storage.records import StorageError
from storage.rotation import Backup, due
from storage.vault import Vault

log = structlog.get_logger(__name__)

LOOK_S = 60.0
"""How often the clock is looked at, for it may be set."""
FIRST_RETRY_S = 60.0
LONGEST_RETRY_S = 3600.0
STALE = timedelta(hours=36)
"""An older last backup is a fault, whatever its reason."""


@dataclass(frozen=True, slots=True)
class BackupState:
    """How the backups are; `fault` is empty once all was taken, rotated and cleaned."""

    kept: tuple[Backup, ...] = ()
    fault: str = ""
    due_at: datetime | None = None

    @property
    def last(self) -> Backup | None:
        """The newest one."""
        return self.kept[-1] if self.kept else None


class Backups:
    """The regular work on a vault. Sleep and clock are given for the tests' sake."""

    def __init__(
        self,
        vault: Vault,
        erasures: Erasures,
        at: time,
        metrics: Metrics,
        now: Clock = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._vault = vault
        self._erasures = erasures
        self._at = at
        self._metrics = metrics
        self._now = now
        self._sleep = sleep
        self.state = BackupState()
        metrics.backup_age.set_function(self._age_s)

    async def run(self) -> None:
        """Until it is cancelled. What fails is logged, told of, and tried again."""
        retry_s = FIRST_RETRY_S
        while True:
            try:
                await self._tend()
            except StorageError as error:
                self._failed(error)
                await self._sleep(retry_s)
                retry_s = min(retry_s * 2, LONGEST_RETRY_S)
            else:
                retry_s = FIRST_RETRY_S
                await self._wait()

    def part(self) -> PartState:
        """For `/readyz`; answers go on without backups."""
        state, last = self.state, self.state.last
        taken = f"last {last.taken:%Y-%m-%d %H:%M} UTC" if last else "none yet"
        is_stale = last is not None and self._now() - last.taken > STALE
        detail = f"{taken}; {state.fault}" if state.fault else f"{taken}, {len(state.kept)} kept"
        return PartState(not (state.fault or is_stale), detail, essential=False)

    async def _tend(self) -> None:
        """All that is due. What was done already is not done again when the rest fails."""
        fault = self.state.fault
        await self._look(fault)
        if self._left_s() <= 0:
            backup = await self._vault.add(self._now())
            log.info("backup taken", name=backup.name)
        await self._vault.rotate()
        await self._look(fault)
        await self._erasures.settle(clean=True)
        await self._look("")

    async def _look(self, fault: str) -> None:
        kept = tuple(await self._vault.backups())
        last = kept[-1].taken if kept else None
        here = self._now().astimezone()
        self.state = BackupState(kept, fault, due(self._at, last, here))

    async def _wait(self) -> None:
        while (left_s := self._left_s()) > 0:
            await self._sleep(min(left_s, LOOK_S))

    def _left_s(self) -> float:
        """Until the next one is due."""
        due_at = self.state.due_at
        assert due_at is not None
        return (due_at - self._now()).total_seconds()

    def _failed(self, error: StorageError) -> None:
        log.error("the backups are not as they should be; it is tried again", reason=str(error))
        self._metrics.backup_failures.inc()
        self.state = BackupState(self.state.kept, str(error), self.state.due_at)

    def _age_s(self) -> float:
        last = self.state.last
        return (self._now() - last.taken).total_seconds() if last else float("inf")
