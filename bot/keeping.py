"""What is done for the database while the bot runs: its audit is anchored and sealed, its
erasures are seen through, what is kept no longer is deleted."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from bot.erasures import Erasures
from bot.expiry import Expiry
from bot.sections import Storage
from storage.audit import Audit
from storage.records import StorageError

log = structlog.get_logger(__name__)

HOUR_S = 3600.0
LAST_ANCHOR_S = 5.0
"""How long the end waits for the disk that the anchor is on."""


class Keeping:
    """Regular work, until it is cancelled; what fails is logged and tried again."""

    def __init__(self, settings: Storage, audit: Audit, erasures: Erasures, expiry: Expiry) -> None:
        self._settings = settings
        self._expiry = expiry
        self._erasures = erasures
        self._audit = audit

    async def run(self) -> None:
        """Anchor every few seconds, do the rest every hour."""
        due_s = 0.0
        while True:
            await _tried("anchor", self._audit.anchor)
            if due_s <= 0:
                due_s = HOUR_S
                await _tried("seal", self._seal)
                await _tried("former files", self._erasures.rotate)
                await _tried("erasures", self._erasures.settle)
                await _tried("retention", self._expiry.sweep)
            await asyncio.sleep(self._settings.anchor_s)
            due_s -= self._settings.anchor_s

    async def finish(self) -> None:
        """Let the anchor tell of everything."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_ANCHOR_S):
                await _tried("anchor", self._audit.anchor)

    async def _seal(self) -> None:
        rows = await self._audit.seal(self._settings.audit_days)
        if rows:
            log.info("sealed a part of the audit", rows=rows)


async def _tried(what: str, work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except StorageError as error:
        log.error("the database could not be cared for", what=what, error=str(error))
