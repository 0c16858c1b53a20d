"""The directory of backups that are taken regularly: adds one, and deletes what `rotation` drops.

Nothing else in the directory is touched, nor backups of another database. A mark in it tells it
from the empty directory that stands in its place while its file system is not mounted.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from storage.backup import Copies, Progress, silence
from storage.clock import to_micros
from storage.depot import whose_part
from storage.filesystem import assert_mounted
from storage.records import Corrupt, Receipt, StorageError, Unavailable, WrongKey
from storage.rotation import Backup, Rotation, named

MARK = ".parley-backups"
"""The name of the mark."""


class Vault:
    """Every method raises `StorageError` when the directory or the database can't do it."""

    def __init__(
        self, directory: Path, stem: str, copies: Copies, rotation: Rotation | None = None
    ) -> None:
        self.directory = directory
        self._stem = stem
        self._copies = copies
        self._rotation = rotation or Rotation()
        self._depot = copies.depot
        self._ledger = copies.ledger
        self._coming: set[str] = set()

    async def backups(self) -> list[Backup]:
        """What is there, the oldest first. Raises `Unavailable` while the directory is away."""
        return (await self._look())[0]

    async def _look(self) -> tuple[list[Backup], list[str]]:
        """The backups, and the files of those that never came to have their names."""
        known = {each.name for each in await self._ledger.known()}
        coming = set(self._coming)
        names = await self._depot.names(self.directory) or []
        if known and MARK not in names:
            raise Unavailable(
                f"{self.directory}: it is not the directory that the {len(known)} backups are in;"
                " mount its file system. If they were moved here, or are no more, make a file named"
                f" {MARK} in it"
            )
        ours = [each for each in map(named, names) if each and self._is_ours(each, known)]
        left = [name for name in names if self._is_left(name, known, coming)]
        there = {each.name for each in ours}
        if ours and MARK not in names:
            await self._depot.mark(self.directory / MARK)
        await self._ledger.change(there - known, known - there - coming)
        return sorted(ours, key=lambda each: (each.taken, each.through)), left

    def _is_ours(self, backup: Backup, known: set[str]) -> bool:
        """It may have been taken under another name of the database."""
        return backup.stem == self._stem or backup.name in known

    def _is_left(self, name: str, known: set[str], coming: set[str]) -> bool:
        backup = named(whose_part(name))
        return backup is not None and self._is_ours(backup, known) and backup.name not in coming

    async def add(self, now: datetime) -> Backup:
        """Take a backup, check it here, and bring it there."""
        if not await self.backups():
            await asyncio.to_thread(assert_mounted, self.directory)
            await self._depot.mark(self.directory / MARK)
        through = await self._copies.through()
        backup = Backup(self._stem, now.replace(microsecond=0), through)
        async with self._comes(backup), self._copies.taken() as copy:
            await self._depot.put(copy, self.directory / backup.name, MARK)
        return backup

    @asynccontextmanager
    async def _comes(self, backup: Backup) -> AsyncGenerator[None]:
        """It is known of before it is there, and may be missing until then."""
        self._coming.add(backup.name)
        try:
            await self._ledger.change([backup.name])
            yield
        finally:
            self._coming.discard(backup.name)

    async def rotate(self) -> list[Backup]:
        """Delete what need not be kept, or never came to be; what is left, the oldest first."""
        found, left = await self._look()
        kept = self._rotation.kept(found)
        await self.remove([each for each in found if each not in kept])
        await self._depot.remove([self.directory / name for name in left])
        return kept[::-1]

    async def clean(self, pending: Sequence[Receipt]) -> None:
        """Put in the place of each backup that holds something erased one without it.

        Raises `Corrupt` or `WrongKey` for one that can't be opened, once the others are clean. It
        stays: what is wrong may be the key, this program's age or a disk on the way.
        """
        newest = to_micros(pending[-1].at)
        faults: list[StorageError] = []
        for backup in await self.backups():
            if backup.through < newest:
                try:
                    await self._clean(backup, pending)
                except (Corrupt, WrongKey) as error:
                    fault = (
                        f"{self.directory / backup.name}: what was erased is still in this backup,"
                        f" for it can't be opened. Mend that, or delete it. {error}"
                    )
                    faults.append(type(error)(fault))
        if faults:
            raise faults[0]

    async def rekey(self, backup: Backup, progress: Progress = silence) -> bool:
        """Put in the place of a backup the same under the database's key; false if it has that.

        Raises `Corrupt`, `WrongKey`, and what the disks say; then it is as it was.
        """
        async with self._copies.fetched(self.directory / backup.name) as copy:
            is_changed = await self._copies.rekey(copy, progress)
            if is_changed:
                await self._depot.put(copy, self.directory / backup.name, MARK)
            return is_changed

    async def _clean(self, backup: Backup, pending: Sequence[Receipt]) -> None:
        async with self._copies.fetched(self.directory / backup.name) as copy:
            cleaned = backup.cleaned(await self._copies.clean(copy, pending))
            async with self._comes(cleaned):
                await self._depot.put(copy, self.directory / cleaned.name, MARK)
        await self.remove([backup])

    async def remove(self, backups: Sequence[Backup]) -> None:
        """Delete backups."""
        await self._depot.remove([self.directory / each.name for each in backups])
