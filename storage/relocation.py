"""Moves a database to another place: from this machine to a NAS, and back.

It is copied, checked, and noted as moved (`<name>.moved` in the local directory); only then the
former files step aside. From that note on the former place is refused, so that nobody goes on
there. Whoever is interrupted, wherever, finishes it by doing it again.
"""

import asyncio
import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from storage import depot
from storage.audit import Audit
from storage.backup import Progress, copy, make
from storage.beside import BESIDE, step_aside
from storage.connection import Connector, discard
from storage.faults import DriverError, explain, explain_os
from storage.filesystem import verdict_of
from storage.key import Key
from storage.opening import Place, assert_alone, moved_to, note_moved
from storage.ownership import Ownership
from storage.pragmas import DIRECT
from storage.records import AuditEntry, Unavailable
from storage.schema import prepare

COMPANIONS = (".audit-key", ".page-key", ".webhook-key", ".audit-anchor", ".audit")
"""What stands beside the database of a bot and goes with it, by suffix."""

_HEAD = "SELECT id, tag FROM audit ORDER BY id DESC LIMIT 1"

Step = Callable[[str], None]


def unwatched(step: str) -> None:
    """Nobody wants to know how far it is."""


@dataclass(frozen=True, slots=True)
class Relocation:
    """From a place whose bot is stopped to another. `audit` need not be open."""

    place: Place
    target: Place
    key: Key | None
    audit: Audit
    reached: Step = unwatched

    async def move(self, entry: AuditEntry, now: datetime, progress: Progress) -> Sequence[Path]:
        """Where the former files are then. Raises `StorageError`; `Fenced` while the bot runs."""
        assert_alone(self.place)
        with ExitStack() as stack:
            await asyncio.to_thread(self._hold, stack)
            if moved_to(self.place) != self.target.path.absolute():
                await self._carry(entry, now, progress)
                self.reached("copied")
                await asyncio.to_thread(self._take_along)
                self.reached("companions")
                await asyncio.to_thread(note_moved, self.place, self.target.path)
                self.reached("noted")
            return await asyncio.to_thread(step_aside, self._files(), "moved", now)

    def _files(self) -> list[Path]:
        here = [self.place.working] if self.place.is_local_first else []
        return [self.place.path, *here]

    def _hold(self, stack: ExitStack) -> None:
        for path in self._files():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(Ownership(path))

    async def _carry(self, entry: AuditEntry, now: datetime, progress: Progress) -> None:
        scratch = self.place.scratch / f".{self.place.path.name}.moving"
        try:
            await asyncio.to_thread(make, scratch)
            is_new = await asyncio.to_thread(self._copy, scratch, entry, now, progress)
            self.reached("read")
            if is_new:
                await depot.put(scratch, self.target.path)
        finally:
            for end in BESIDE:
                scratch.with_name(scratch.name + end).unlink(missing_ok=True)

    def _copy(self, scratch: Path, entry: AuditEntry, now: datetime, progress: Progress) -> bool:
        """A checked copy with the entry in it; false if an earlier attempt brought it there."""
        home = self.place.home
        if not home.exists():
            raise Unavailable(f"{home}: there is no database to move")
        try:
            source = Connector(home, verdict_of(home).pragmas, self.key).open()
            try:
                prepare(source, home)
                if self._is_there(source):
                    return False
                source.rollback()
                source.exec_driver_sql("BEGIN IMMEDIATE")
                self.audit.keep(source, [entry], now)
                source.commit()
                copy(source, scratch, self.key, self.audit, progress)
            finally:
                discard(source)
        except DriverError as error:
            raise explain(error, home) from error
        return True

    def _is_there(self, source: Connection) -> bool:
        """Whether the target holds this database as it is now; it may hold nothing else.

        The tag of the audit's last row stands for everything that was written down before it, and
        the last is that it is being moved.
        """
        path = self.target.path
        try:
            if not path.exists() or not path.stat().st_size:
                return False
        except OSError as error:
            raise explain_os(error, path) from error
        there = Connector(path, DIRECT, self.key).open(read_only=True)
        try:
            if there.exec_driver_sql(_HEAD).all() == source.exec_driver_sql(_HEAD).all():
                return True
        except DriverError:
            pass
        finally:
            discard(there)
        raise Unavailable(f"{path}: there is another file already; move it away, or name another")

    def _take_along(self) -> None:
        """Secrets and what the audit left in files; what stands there already stays."""
        former, home = self.place.home, self.target.home
        try:
            home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for suffix in COMPANIONS:
                source, target = former.with_suffix(suffix), home.with_suffix(suffix)
                if source.is_dir():
                    shutil.copytree(source, target, dirs_exist_ok=True)
                elif source.exists() and not target.exists():
                    depot.carry(source, target, lambda _: None)
        except OSError as error:
            raise explain_os(error, home) from error


def placed(place: Place, target: Path) -> Place:
    """The place that the database will have at `target`."""
    mode = place.mode if place.mode == "direct" else "auto"
    working = place.working.with_name(f"{target.stem}.working.db")
    if mode == "auto" and verdict_of(target).is_disk:
        mode = "local"
    return Place(target, working, mode, place.accept_risk)


def written_line(target: Path) -> str:
    """What the configuration says then."""
    return f"storage.path = {json.dumps(os.fspath(target))}"
