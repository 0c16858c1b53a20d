"""Puts a backup in the place of the database, which is kept beside.

The backup is brought to a disk of this machine, under the key in force, checked and mended there,
before anything is touched; then it replaces the file in one step. What a backup must not take back
goes on from the present database (`present.py`). What was unfinished when it was taken is not
answered again. Whoever is interrupted on the way does it again; until then nobody starts.

With a working file (`spool`), the backup goes to the NAS and the working file away, so that the
rule in `lineage` makes it anew.
"""

import asyncio
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from storage import changes, cleaning
from storage.audit import Audit
from storage.beside import BESIDE, Step, keep_beside, remove, unwatched
from storage.connection import Connector, discard
from storage.depot import Depot
from storage.directory import make_directory
from storage.faults import DriverError, explain, explain_os
from storage.filesystem import assert_mounted
from storage.inspection import sound
from storage.key import Keyring
from storage.laggard import worth_keeping
from storage.notice import note_restored, note_restoring
from storage.opening import Place, assert_moored, assert_silent, leasing
from storage.ownership import Ownership
from storage.pragmas import ALONE
from storage.present import Present, salvaged, whole
from storage.records import AuditEntry, Corrupt, StorageError, WrongKey
from storage.rekey import rekey_copy
from storage.schema import prepare, revision

_SET_ASIDE = (
    "UPDATE inbox SET outcome = 'ignored', finished_at = received_at, payload = ''"
    " WHERE outcome IS NULL",
    "UPDATE outbox SET state = 'dead', error = 'unfinished in a restored backup'"
    " WHERE state IN ('open', 'ready')",
    "UPDATE lease SET holder = ''",
)


@dataclass(frozen=True, slots=True)
class Restored:
    """Where the former files are now, and which tables of them could not be read any more."""

    kept: tuple[Path, ...]
    lost: tuple[str, ...]


class Restoring:
    """A database whose bot is stopped. `audit` is its audit; it need not be open."""

    def __init__(
        self, place: Place, keys: Keyring, audit: Audit, reached: Step = unwatched
    ) -> None:
        self._place = place
        self._reached = reached
        self._keys = keys
        self._audit = audit
        self._depot = Depot()

    async def restore(
        self, source: Path, entry: AuditEntry, now: datetime, *, needs_present: bool = True
    ) -> Restored:
        """Put a backup in place, with an entry that tells of it.

        The present database, if there is one, has to be readable; without that need, what can be
        read of it goes on.

        Raises `Fenced` while the bot runs, `Corrupt` for a backup that is faulty, foreign, newer
        than this program or has another audit key, `WrongKey`, `Unavailable`, `Full`. Then nothing
        was changed.
        """
        place = self._place
        scratch = place.scratch / f".{place.path.name}.restored"
        await asyncio.to_thread(self._assert_there, needs_present=needs_present)
        with leasing(place) as lease, ExitStack() as stack:
            await assert_silent(place, lease, self._keys.current)
            await asyncio.to_thread(self._hold, stack)
            try:
                await asyncio.to_thread(remove, scratch)  # a killed run's journal would spoil it
                await self._depot.put(source, scratch)
                self._reached("brought")
                await asyncio.to_thread(self._check, scratch, source)
                present = await asyncio.to_thread(self._present, is_needed=needs_present)
                await asyncio.to_thread(self._mend, scratch, present, entry, now)
                kept = await self._replace(source, scratch, now)
            finally:
                await asyncio.to_thread(remove, scratch)
        return Restored(tuple(kept), present.lost if present else ())

    async def _replace(self, source: Path, scratch: Path, now: datetime) -> list[Path]:
        """Put the copy in place; where the former files are kept.

        What the former database left beside its file goes before, for such a log would be poison
        to the new file; the working file goes after, for it knows most if this has to be done
        again. In between nobody may start: that is noted.
        """
        path, *working = self._files()
        worth = await asyncio.to_thread(worth_keeping, path, working, self._keys)
        await asyncio.to_thread(self._note, source)
        kept = await asyncio.to_thread(keep_beside, worth, "before", now)
        self._reached("kept")
        await asyncio.to_thread(remove, path, BESIDE[1:])
        self._reached("bared")
        await self._depot.put(scratch, path)
        self._reached("put")
        for each in working:
            await asyncio.to_thread(remove, each)
        self._reached("let go")
        await asyncio.to_thread(self._note, None)
        return kept

    def _note(self, source: Path | None) -> None:
        """From where the file is being replaced; None: it is done."""
        path, working = self._place.path, self._place.working
        try:
            if source is None:
                note_restored(working)
            else:
                note_restoring(path, working, source)
        except OSError as error:
            raise explain_os(error, working) from error

    def _files(self) -> list[Path]:
        return [self._place.path, *([self._place.working] if self._place.is_local_first else [])]

    def _assert_there(self, *, needs_present: bool) -> None:
        """Raises `Unavailable` where the backup would be put behind an empty mount point."""
        assert_mounted(self._place.path)
        assert_moored(self._place)
        if needs_present:
            _ = self._place.files

    def _hold(self, stack: ExitStack) -> None:
        for path in self._files():
            make_directory(path.parent)
            stack.enter_context(Ownership(path))

    def _check(self, scratch: Path, source: Path) -> None:
        """Bring the copy to the key in force and this program's revision. Raises `Corrupt`."""
        try:
            rekey_copy(scratch, self._keys, self._audit)
            with self._opened(scratch) as connection:
                if revision(connection) is None:
                    raise Corrupt(f"{source}: it is no database of Parley's; name a backup")
                prepare(connection, source)
                sound(connection, source, self._audit)
        except StorageError as error:
            raise type(error)(str(error).replace(str(scratch), str(source))) from error

    def _mend(
        self, scratch: Path, present: Present | None, entry: AuditEntry, now: datetime
    ) -> None:
        """Make the copy the database to go on with."""
        with self._opened(scratch) as connection:
            if present is not None:
                cleaning.apply(connection, present.receipts)
            connection.rollback()
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            if present is not None:
                present.hand_over(connection)
            for statement in _SET_ASIDE:
                connection.exec_driver_sql(statement)
            changes.leave_the_log(connection)
            self._audit.keep(connection, [entry], now)
            connection.commit()

    @contextmanager
    def _opened(self, scratch: Path) -> Generator[Connection]:
        try:
            connection = Connector(scratch, ALONE, self._keys.current).open()
            try:
                yield connection
            finally:
                discard(connection)
        except DriverError as error:
            raise explain(error, scratch) from error

    def _present(self, *, is_needed: bool) -> Present | None:
        """What goes on; None without a present database. Raises what `whole` raises."""
        try:
            there = [path for path in reversed(self._files()) if path.exists()]
            there = [path for path in there if path.stat().st_size]
        except OSError as error:
            raise explain_os(error, self._place.path) from error
        if not there:
            return None
        if not is_needed:
            return salvaged(there, self._keys)
        try:
            return whole(there[0], self._keys)
        except (Corrupt, WrongKey) as error:
            raise type(error)(
                f"{error}. Nothing was changed. What was erased, audited and fetched since the"
                " backup stands in that file only; to restore without what can't be read of it,"
                " add --without-present"
            ) from error
