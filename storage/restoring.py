"""Puts a backup in the place of the database, which is kept beside.

The backup is brought to a disk of this machine, under the key in force, checked and mended there,
before anything is touched; then it replaces the file in one step. From the present database, as far
as it can be read, it takes what a backup must not take back: the erasures since, the audit, the
platforms' cursors.
What was unfinished when it was taken is not answered again.

With a working file (`spool`), the backup goes to the NAS and the working file away, so that the
rule in `lineage` makes it anew.
"""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from storage import changes, cleaning, depot, receipts
from storage.audit import Audit
from storage.beside import BESIDE, keep_beside
from storage.connection import Connector, discard
from storage.faults import DriverError, explain
from storage.filesystem import verdict_of
from storage.inspection import sound
from storage.key import Keyring
from storage.opening import Place, assert_alone
from storage.ownership import Ownership
from storage.pragmas import DIRECT
from storage.records import AuditEntry, Corrupt, Receipt, StorageError
from storage.rekey import rekey_copy
from storage.schema import prepare, revision

_TAKEN_OVER = ("audit", "audit_seal", "backup", "cursor")
_SET_ASIDE = (
    "UPDATE inbox SET outcome = 'ignored', finished_at = received_at, payload = ''"
    " WHERE outcome IS NULL",
    "UPDATE outbox SET state = 'dead', error = 'unfinished in a restored backup'"
    " WHERE state IN ('open', 'ready')",
)


@dataclass(frozen=True, slots=True)
class Restored:
    """Where the former files are now, and whether the former database could still be read."""

    kept: tuple[Path, ...]
    went_on: bool


@dataclass(frozen=True, slots=True)
class _Present:
    """What goes on from the present database."""

    rows: dict[str, list[tuple[object, ...]]]
    receipts: Sequence[Receipt]


class Restoring:
    """A database whose bot is stopped. `audit` is its audit; it need not be open."""

    def __init__(self, place: Place, keys: Keyring, audit: Audit) -> None:
        self._place = place
        self._keys = keys
        self._audit = audit

    async def restore(self, source: Path, entry: AuditEntry, now: datetime) -> Restored:
        """Put a backup in place, with an entry that tells of it.

        Raises `Fenced` while the bot runs, `Corrupt` for a backup that is faulty, foreign, newer
        than this program or has another audit key, `WrongKey`, `Unavailable`, `Full`.
        """
        place = self._place
        assert_alone(place)
        scratch = place.scratch / f".{place.path.name}.restored"
        with ExitStack() as stack:
            await asyncio.to_thread(self._hold, stack)
            try:
                await depot.put(source, scratch)
                went_on = await asyncio.to_thread(self._ready, scratch, source, entry, now)
                kept = await asyncio.to_thread(keep_beside, self._files(), "before", now)
                await depot.put(scratch, place.path)
                await asyncio.to_thread(self._let_go)
            finally:
                for end in BESIDE:
                    scratch.with_name(scratch.name + end).unlink(missing_ok=True)
        return Restored(tuple(kept), went_on)

    def _files(self) -> list[Path]:
        return [self._place.path, *([self._place.working] if self._place.is_local_first else [])]

    def _hold(self, stack: ExitStack) -> None:
        for path in self._files():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(Ownership(path))

    def _let_go(self) -> None:
        """Nothing of the former database may meet the new file: a log would be poison to it."""
        path = self._place.path
        gone = [path.with_name(path.name + end) for end in BESIDE[1:]]
        if self._place.is_local_first:
            working = self._place.working
            gone += [working.with_name(working.name + end) for end in BESIDE]
        for each in gone:
            each.unlink(missing_ok=True)

    def _ready(self, scratch: Path, source: Path, entry: AuditEntry, now: datetime) -> bool:
        """Check the copy and make it the database to go on with; whether the present was read."""
        try:
            rekey_copy(scratch, self._keys, self._audit)
            connection = Connector(scratch, DIRECT, self._keys.current).open()
            try:
                if revision(connection) is None:
                    raise Corrupt(f"{source}: it is no database of Parley's; name a backup")
                prepare(connection, source)
                sound(connection, source, self._audit)
                present = self._present()
                self._mend(connection, present, entry, now)
                connection.exec_driver_sql("PRAGMA journal_mode = delete")
            finally:
                discard(connection)
        except DriverError as error:
            raise explain(error, source) from error
        except StorageError as error:
            raise type(error)(str(error).replace(str(scratch), str(source))) from error
        return present is not None

    def _mend(
        self, connection: Connection, present: _Present | None, entry: AuditEntry, now: datetime
    ) -> None:
        if present is not None:
            cleaning.apply(connection, present.receipts)
        connection.rollback()
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        if present is not None:
            _go_on(connection, present)
        for statement in _SET_ASIDE:
            connection.exec_driver_sql(statement)
        changes.leave_the_log(connection)
        self._audit.keep(connection, [entry], now)
        connection.commit()

    def _present(self) -> _Present | None:
        """None without a present database, or when it can't be read: then that is why it goes."""
        home = self._place.home
        if not home.exists() or not home.stat().st_size:
            return None
        try:
            connection = Connector(home, verdict_of(home).pragmas, self._keys.current).open()
            try:
                prepare(connection, home)
                rows = {name: _rows(connection, name) for name in _TAKEN_OVER}
                return _Present(rows, receipts.all_of(connection))
            finally:
                discard(connection)
        except (*DriverError, StorageError):
            return None


def _go_on(connection: Connection, present: _Present) -> None:
    """The audit goes on where the present one ends, if that went on from the backup's: then it
    holds the backup's last row, whose tag stands for all before it."""
    backed = _rows(connection, "audit")
    goes_on = not backed or backed[-1] in present.rows["audit"]
    for name in _TAKEN_OVER if goes_on else _TAKEN_OVER[-2:]:
        connection.exec_driver_sql(f"DELETE FROM {name}")  # noqa: S608 - a name of ours
        for row in present.rows[name]:
            places = ", ".join("?" * len(row))
            connection.exec_driver_sql(f"INSERT INTO {name} VALUES ({places})", row)  # noqa: S608 - a name of ours


def _rows(connection: Connection, name: str) -> list[tuple[object, ...]]:
    found = connection.exec_driver_sql(f"SELECT * FROM {name} ORDER BY rowid")  # noqa: S608 - a name of ours
    return [tuple(row) for row in found]
