"""A bot without the lease: it watches, and tells whoever asks how that stands.

When the lease is to be taken it ends; taking it, and all that follows, is the application's.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import structlog

from bot import __version__
from bot.config import Settings
from bot.control import ControlError, Progress, Task
from bot.health import PartState
from bot.place import place_of
from bot.secret import audit_key
from storage.audit import Audit
from storage.lease import Lease
from storage.lookout import Lookout
from storage.opening import unopened
from storage.records import AuditEntry, StorageError
from storage.statement import Step
from storage.tenure import Grip, Standing, Wish

ANSWER_S = 3.0
"""How long an answer about the lease is waited for before people are told that none comes."""

log = structlog.get_logger(__name__)


def patience_of(settings: Settings) -> float:
    """Seconds that a take-over may need: the holder ends what it does, and time to live goes by."""
    return 2 * settings.storage.lease_s + settings.bot.drain_s


class Standby:
    """One bot's watch over the lease."""

    def __init__(self, settings: Settings, lookout: Lookout, lease: Lease) -> None:
        self._settings = settings
        self._lookout = lookout
        self._lease = lease
        self._fault = ""
        self._woken = asyncio.Event()

    async def look(self) -> bool:
        """Whether the lease is to be taken, after a look at it."""
        try:
            await self._lookout.look(ANSWER_S)
        except StorageError as error:
            if str(error) != self._fault:
                log.warning("the lease can't be seen", reason=str(error))
            self._fault = str(error)
            return False
        self._fault = ""
        return self._lease.is_to_be_taken

    async def watch(self) -> None:
        """Until the lease is to be taken."""
        while not await self.look():
            await self.rest()

    async def rest(self) -> None:
        """The pause between two looks."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._lease.rest_s):
                await self._woken.wait()
        self._woken.clear()

    @property
    def state(self) -> PartState:
        """Why this bot does not answer, and what would make it."""
        return PartState(ready=False, detail=self._fault or self._seen())

    def tasks(self) -> dict[str, Task]:
        """What a standby does when it is asked over its control socket."""
        return {"status": self._status, "failover": self._take_over}

    def _seen(self) -> str:
        lease, grip = self._lease, self._lease.watch.grip
        if grip is None or not grip.holder:
            return "stands by: the lease was given up, and another bot may take it"
        seen = (
            f"stands by: {grip.label} has the lease (epoch {grip.epoch}), its last sign was"
            f" {lease.silent_s:.0f} s ago"
        )
        return f"{seen}; parley failover takes over" if lease.standing is Standing.STALE else seen

    async def _status(self, request: Mapping[str, Any], progress: Progress) -> object:
        grip = self._lease.watch.grip
        return {
            "version": __version__,
            "role": "standby",
            "detail": self.state.detail,
            "epoch": grip.epoch if grip else 0,
            "holder": grip.label if grip and grip.holder else "",
        }

    async def _take_over(self, request: Mapping[str, Any], progress: Progress) -> object:
        """Take the lease of a silent holder, or of any when it is forced."""
        wish = Wish.FORCE if request.get("force") else Wish.TAKE
        if self._lease.standing is Standing.HELD and wish is not Wish.FORCE:
            raise ControlError(
                f"this bot {self.state.detail}. Run parley failover there; if that bot is certainly"
                " stopped, parley failover --force here does not wait"
            )
        tell = partial(self._entry, str(request["actor"]), wish)
        self._lease.want(wish, patience_of(self._settings), tell)
        self._woken.set()
        log.warning("told to take over", forced=wish is Wish.FORCE)
        return {"role": "standby"}

    def _entry(self, actor: str, wish: Wish, before: Grip | None, epoch: int) -> Step:
        """Tells the audit of it. Its key is read then, for it may be beside the database."""
        audit = Audit(unopened(place_of(self._settings)), audit_key(self._settings))
        detail = {"epoch": epoch, "forced": wish is Wish.FORCE}
        origin = {"platform": "console", "address": self._lease.label}
        label = before.label if before else ""
        return audit.adding(
            AuditEntry(actor, "failover", label, json.dumps(detail), origin=json.dumps(origin))
        )
