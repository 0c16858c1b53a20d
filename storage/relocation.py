"""Moves a database to another place: from this machine to a NAS, and back.

It is copied, checked, and noted as moved (`notice.py`); only then the former files step aside. From
that note on the former place is refused, so that nobody goes on there. Until then it is the
database, and whoever is interrupted, wherever, copies it anew by doing it again. The copy knows
where it came from (`former_paths.py`).
"""

import asyncio
import json
import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from storage import changes, former_paths, porter
from storage.audit import Audit
from storage.backup import Progress, copy
from storage.beside import Step, keep_beside, make, remove, unwatched
from storage.connection import Connector, discard
from storage.depot import Depot
from storage.directory import make_directory
from storage.faults import DriverError, explain, explain_os
from storage.filesystem import assert_mounted, verdict_of
from storage.key import Key, Keyring
from storage.laggard import worth_keeping
from storage.notice import Notice, drop_notice, notice_file, read_notice, write_notice
from storage.opening import Place, assert_silent, assert_whole, leasing
from storage.ownership import Ownership
from storage.pragmas import ALONE
from storage.records import AuditEntry, Unavailable
from storage.schema import prepare

KEYS = (".audit-key", ".page-key", ".webhook-key")
COMPANIONS = (*KEYS, ".audit-anchor", ".audit")
"""What stands beside the database of a bot and goes with it, by suffix."""


@dataclass(frozen=True, slots=True)
class Relocation:
    """From a place whose bot is stopped to another. `audit` need not be open."""

    place: Place
    target: Place
    key: Key | None
    audit: Audit
    reached: Step = unwatched
    depot: Depot = field(default_factory=Depot)

    async def move(self, entry: AuditEntry, now: datetime, progress: Progress) -> Sequence[Path]:
        """Where the former files are then. Raises `StorageError`; `Fenced` while the bot runs."""
        await asyncio.to_thread(assert_mounted, self.target.path)
        with leasing(self.place) as lease, ExitStack() as stack:
            await assert_silent(self.place, lease, self.key)
            await asyncio.to_thread(self._hold, stack)
            await asyncio.to_thread(assert_whole, self.place)
            noted = await asyncio.to_thread(self._noted)
            if noted is None or not noted.is_done:
                await self._make_room(noted)
                sha256 = await self._carry(entry, now, progress)
                self.reached("copied")
                await asyncio.to_thread(self._take_along)
                self.reached("companions")
                await asyncio.to_thread(self._note, sha256, is_done=True)
                self.reached("noted")
            return await asyncio.to_thread(self._step_aside, now)

    def _step_aside(self, now: datetime) -> Sequence[Path]:
        self._admit()
        path, *working = self._files()
        worth = worth_keeping(path, working, Keyring(self.key))
        kept = keep_beside(worth, "moved", now)
        for each in (path, *working):
            remove(each)
        return kept

    def _admit(self) -> None:
        """The target may have been left before, and be refused since."""
        path, working = self.target.path, self.target.working
        try:
            drop_notice(path, working)
        except OSError as error:
            raise explain_os(error, notice_file(path, working)) from error

    def _noted(self) -> Notice | None:
        """What an earlier attempt to move to the same target noted."""
        path, working = self.place.path, self.place.working
        try:
            noted = read_notice(path, working)
        except OSError as error:
            raise explain_os(error, notice_file(path, working)) from error
        return noted if noted and noted.target == self.target.path.absolute() else None

    def _note(self, sha256: str, *, is_done: bool) -> None:
        path, working = self.place.path, self.place.working
        try:
            write_notice(path, working, Notice(self.target.path.absolute(), sha256, is_done))
        except OSError as error:
            raise explain_os(error, notice_file(path, working)) from error

    async def _make_room(self, noted: Notice | None) -> None:
        """Take away what an earlier attempt brought, for people may have written here since; it
        goes only if it is to the byte what was brought, so that nobody ever wrote there.

        Raises `Unavailable` for any other file, and for other keys beside it.
        """
        path = self.target.path
        found = await self.depot.digest(path)
        if found and (noted is None or found != noted.sha256):
            raise Unavailable(
                f"{path}: there is another file already; move it away, or name another"
            )
        await asyncio.to_thread(self._assert_no_other_keys)
        if found:
            await self.depot.remove([path])

    def _files(self) -> list[Path]:
        here = [self.place.working] if self.place.is_local_first else []
        return [self.place.path, *here]

    def _hold(self, stack: ExitStack) -> None:
        for path in self._files():
            make_directory(path.parent)
            stack.enter_context(Ownership(path))

    async def _carry(self, entry: AuditEntry, now: datetime, progress: Progress) -> str:
        """Bring a checked copy with the entry in it to the target; the SHA-256 of it."""
        scratch = self.place.scratch / f".{self.place.path.name}.moving"
        try:
            await asyncio.to_thread(make, scratch)
            await asyncio.to_thread(self._copy, scratch, progress)
            await asyncio.to_thread(self._sign, scratch, entry, now)
            self.reached("read")
            sha256 = await asyncio.to_thread(porter.sha256, scratch)
            await asyncio.to_thread(self._note, sha256, is_done=False)
            self.reached("announced")
            await self.depot.put(scratch, self.target.path)
        finally:
            await asyncio.to_thread(remove, scratch)
        return sha256

    def _copy(self, scratch: Path, progress: Progress) -> None:
        home = self.place.home
        if not home.exists():
            raise Unavailable(f"{home}: there is no database to move")
        try:
            source = Connector(home, verdict_of(home).pragmas, self.key).open()
            try:
                prepare(source, home)
                copy(source, scratch, self.key, self.audit, progress)
            finally:
                discard(source)
        except DriverError as error:
            raise explain(error, home) from error

    def _sign(self, scratch: Path, entry: AuditEntry, now: datetime) -> None:
        """Tell of the move in the copy alone: an attempt that is interrupted leaves no word."""
        try:
            connection = Connector(scratch, ALONE, self.key).open()
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                changes.leave_the_log(connection)
                former_paths.note(connection, self._files())
                self.audit.keep(connection, [entry], now)
                connection.commit()
            finally:
                discard(connection)
        except DriverError as error:
            raise explain(error, scratch) from error

    def _assert_no_other_keys(self) -> None:
        """Raises `Unavailable` where another bot's keys would stand beside this database."""
        for source, target in self._companions(KEYS):
            try:
                is_other = target.exists() and target.read_bytes() != source.read_bytes()
            except OSError as error:
                raise explain_os(error, target) from error
            if is_other:
                raise Unavailable(
                    f"{target}: a key of another bot is there already; move it away, or name"
                    " another directory"
                )

    def _take_along(self) -> None:
        """Keys, and what the audit left in files."""
        home = self.target.home
        try:
            make_directory(home.parent)
            for source, target in self._companions(COMPANIONS):
                if source.is_dir():
                    shutil.copytree(source, target, dirs_exist_ok=True)
                else:
                    porter.carry(source, target, lambda _: None)
        except OSError as error:
            raise explain_os(error, home) from error

    def _companions(self, suffixes: Sequence[str]) -> list[tuple[Path, Path]]:
        """Where those that are there stand, and where they shall."""
        former, home = self.place.home, self.target.home
        pairs = [(former.with_suffix(each), home.with_suffix(each)) for each in suffixes]
        return [(old, new) for old, new in pairs if old != new and old.exists()]


def placed(place: Place, target: Path) -> Place:
    """The place that the database will have at `target`."""
    mode = place.mode if place.mode == "direct" else "auto"
    working = place.working.with_name(f"{target.stem}.working.db")
    if mode == "auto" and verdict_of(target).is_disk:
        mode = "local"
    return Place(target, working, mode, place.accept_risk, place.sharing)


def written_line(target: Path) -> str:
    """What the configuration says then."""
    return f"storage.path = {json.dumps(os.fspath(target))}"
