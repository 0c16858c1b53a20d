"""What becomes of an erasure after its commit: its receipt is closed when no copy is left.

The file's log is emptied, the NAS has followed, the backups that held it are cleaned, which happens
with the next rotation, and the files that a restore or a move left behind have had their time.
"""

import json
from datetime import timedelta

import structlog

from bot.receipt import due_of
from storage.audit import Audit
from storage.clock import Clock, to_micros, utc_now
from storage.former import Formers
from storage.ledger import Ledger
from storage.receipts import Receipts
from storage.records import AuditEntry, Unavailable
from storage.store import Store
from storage.vault import Vault

log = structlog.get_logger(__name__)

GRACE = timedelta(hours=1)
"""For copying to a NAS and the hourly look, after the time that a receipt names."""


class Erasures:
    """Open receipts, until they can be closed."""

    def __init__(
        self,
        store: Store,
        audit: Audit,
        vault: Vault | None,
        formers: Formers,
        now: Clock = utc_now,
    ) -> None:
        self._store = store
        self._audit = audit
        self._vault = vault
        self.formers = formers
        self._now = now
        self._ledger = Ledger(store.database)
        self.receipts = Receipts(store.database)

    async def settle(self, *, clean: bool = False) -> None:
        """Close what is held nowhere any more; `clean` the backups before. Raises `StorageError`,
        above all while the backups' directory is away: then nobody knows what it holds; and
        for a receipt that should have been closed long ago.

        A backup that can't be cleaned stays and keeps the receipts open.
        """
        pending = await self.receipts.open()
        if not pending:
            return
        if clean and self._vault:
            await self._vault.clean(pending)
        if self._vault:
            await self._vault.backups()
        known = await self._ledger.known()
        clean_to = [each.through for each in known]
        clean_to += [to_micros(each.since) for each in await self.formers.look()]
        through = min(clean_to, default=to_micros(pending[-1].at))
        gone = [each for each in pending if to_micros(each.at) <= through]
        if gone and await self._is_gone_here():
            detail = json.dumps({"receipts": [each.id for each in gone]})
            entry = AuditEntry("system", "erasure closed", "", detail)
            await self.receipts.close(gone, self._now(), [self._audit.adding(entry)])
        await self._assert_punctual()

    async def rotate(self) -> None:
        """Delete the former files that have had their time. Raises `StorageError`."""
        for each in await self.formers.rotate(self._now()):
            log.info("a former file is deleted", path=str(each.path))

    async def _assert_punctual(self) -> None:
        for each in await self.receipts.open():
            due = due_of(each.held)
            if due and due + GRACE < self._now():
                raise Unavailable(
                    f"what the receipt {each.id} tells of should have gone by"
                    f" {due:%Y-%m-%d %H:%M} UTC; a copy of the database holds it still"
                )

    async def _is_gone_here(self) -> bool:
        condition = await self._store.condition()
        return (
            condition.state in ("local", "copying")
            and condition.waiting == 0
            and await self._store.database.checkpoint()
        )
