"""The directory of backups that are taken regularly: adds one, and deletes what `rotation` drops.

Nothing else in the directory is touched, nor backups of another database.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from storage import depot
from storage.backup import Copies
from storage.clock import to_micros
from storage.records import Corrupt, Receipt, WrongKey
from storage.rotation import Backup, Rotation, named


class Vault:
    """Every method raises `StorageError` when the directory or the database can't do it."""

    def __init__(
        self, directory: Path, stem: str, copies: Copies, rotation: Rotation | None = None
    ) -> None:
        self.directory = directory
        self._stem = stem
        self._copies = copies
        self._rotation = rotation or Rotation()

    async def backups(self) -> list[Backup]:
        """What is there, the oldest first."""
        found = [named(name) for name in await depot.names(self.directory)]
        ours = [each for each in found if each is not None and each.stem == self._stem]
        return sorted(ours, key=lambda each: (each.taken, each.through))

    async def add(self, now: datetime) -> Backup:
        """Take a backup, check it here, and bring it there."""
        through = await self._copies.through()
        backup = Backup(self._stem, now.replace(microsecond=0), through)
        async with self._copies.taken() as copy:
            await depot.put(copy, self.directory / backup.name)
        return backup

    async def rotate(self) -> list[Backup]:
        """Delete what need not be kept; what is left, the oldest first."""
        found = await self.backups()
        kept = self._rotation.kept(found)
        await self.remove([each for each in found if each not in kept])
        return kept[::-1]

    async def clean(self, pending: Sequence[Receipt]) -> list[str]:
        """Put in the place of each backup that holds something erased one without it.

        A backup that can't be opened or mended is dropped: the names of those.
        """
        newest = to_micros(pending[-1].at)
        dropped: list[str] = []
        for backup in await self.backups():
            if backup.through < newest:
                cleaned = await self._cleaned(backup, pending)
                await self.remove([backup])
                dropped += [] if cleaned else [backup.name]
        return dropped

    async def _cleaned(self, backup: Backup, pending: Sequence[Receipt]) -> bool:
        scratch = self._copies.scratch / f".{backup.name}.cleaning"
        try:
            await depot.put(self.directory / backup.name, scratch)
            through = await self._copies.clean(scratch, pending)
            await depot.put(scratch, self.directory / backup.cleaned(through).name)
        except (Corrupt, WrongKey):
            return False
        finally:
            await asyncio.to_thread(scratch.unlink, missing_ok=True)
        return True

    async def remove(self, backups: Sequence[Backup]) -> None:
        """Delete backups."""
        await depot.remove([self.directory / each.name for each in backups])
