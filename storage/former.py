"""The files that `restore` and `move` leave beside a database: kept for a while, then deleted.

Their names say since when (`beside.py`). They hold what was said then, whatever was erased later.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.beside import BESIDE
from storage.database import Database
from storage.depot import Depot, whose_part
from storage.former_paths import FormerPaths
from storage.records import Unavailable

KEPT = timedelta(days=14)
"""Long enough to find that the new file is not what it should be; older backups go on by theirs."""

_NAME = re.compile(r"(?P<stem>.+)\.(before|moved)-(?P<since>\d{8}T\d{6}Z)(?P<suffix>\.[^.-]+)")
_PART = re.compile(_NAME.pattern + "(-wal|-shm|-journal)?")
_MOMENT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Former:
    """A file that was the database `of` until then; or a part of it, where it had to be copied and
    whoever did that was killed."""

    path: Path
    since: datetime
    of: Path

    @property
    def due(self) -> datetime:
        """When it is deleted."""
        return self.since + KEPT


def former_of(path: Path) -> Former | None:
    """What a file's name tells; None for one that is no former file."""
    part = whose_part(path.name)
    found = _PART.fullmatch(part) if part else _NAME.fullmatch(path.name)
    if found is None:
        return None
    try:
        since = datetime.strptime(found["since"], _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Former(path, since, path.with_name(found["stem"] + found["suffix"]))


class Formers:
    """The former files of the database at `path`, and of those that it was moved from.

    `working` stands for it here, or would. `known` are those that the last look found, and `fault`
    is why it may not have found all; empty when it did.
    """

    def __init__(self, path: Path, working: Path, db: Database) -> None:
        self._path = path.absolute()
        self._working = working.absolute()
        self._paths = FormerPaths(db)
        self._depot = Depot()
        self.known: tuple[Former, ...] = ()
        self.fault = ""

    async def look(self) -> tuple[Former, ...]:
        """Those that are there. Raises `Unavailable` while one of the places is away."""
        await self._look()
        if self.fault:
            raise Unavailable(self.fault)
        return self.known

    async def rotate(self, now: datetime) -> list[Former]:
        """Delete those that are due; which. Raises `StorageError`; `Unavailable` while one of the
        places is away, after the others were seen to.

        The file itself goes last: what is left by whoever is interrupted is found by its name.
        """
        empty = await self._look()
        due = [each for each in self.known if each.due <= now]
        for each in due:
            ends = reversed(BESIDE)
            await self._depot.remove([each.path.with_name(each.path.name + end) for end in ends])
            self.known = tuple(other for other in self.known if other != each)
        await self._paths.drop(empty)
        if self.fault:
            raise Unavailable(self.fault)
        return due

    async def _look(self) -> list[Path]:
        """Find what there is; the paths where nothing is left."""
        found: set[Former] = set()
        faults: list[str] = []
        empty: list[Path] = []
        here = (self._path, self._working)
        for path in {*here, *await self._paths.known()}:
            try:
                names = await self._names(path)
            except Unavailable as error:
                faults.append(str(error))
                continue
            formers = _formers(path, names)
            found |= formers
            if not formers and path not in here and path.name not in names:
                empty.append(path)
        self.known = tuple(sorted(found, key=lambda each: (each.since, each.path)))
        self.fault = "; ".join(sorted(faults))
        return empty

    async def _names(self, path: Path) -> list[str]:
        """What stands in its directory. Raises `Unavailable` if that is not the one it was in."""
        names = await self._depot.names(path.parent) or []
        lock = f"{path.name}.lock"  # which stays wherever there was a database
        if lock not in names and path != self._working:
            gone = f", or, if that is gone for good, make an empty file {path.parent / lock}"
            raise Unavailable(
                f"{path.parent}: former files may be there, and it is away; mount its file"
                f" system{'' if path == self._path else gone}"
            )
        return names


def _formers(path: Path, names: Sequence[str]) -> set[Former]:
    """Of these names those of the former files of one database."""
    found = (former_of(path.with_name(name)) for name in names)
    return {each for each in found if each and each.of == path}
