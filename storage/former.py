"""The files that `restore` and `move` leave beside a database: kept for a while, then deleted.

Their names say since when (`beside.py`). They hold what was said then, whatever was erased later.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.beside import BESIDE
from storage.depot import Depot
from storage.notice import lefts_of
from storage.records import Unavailable

KEPT = timedelta(days=14)
"""Long enough to find that the new file is not what it should be; older backups go on by theirs."""

_NAME = re.compile(r"(?P<stem>.+)\.(before|moved)-(?P<since>\d{8}T\d{6}Z)(?P<suffix>\.[^.-]+)")
_MOMENT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Former:
    """A file that was the database `of` until then."""

    path: Path
    since: datetime
    of: Path

    @property
    def due(self) -> datetime:
        """When it is deleted."""
        return self.since + KEPT


def former_of(path: Path) -> Former | None:
    """What a file's name tells; None for one that is no former file."""
    found = _NAME.fullmatch(path.name)
    if found is None:
        return None
    try:
        since = datetime.strptime(found["since"], _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Former(path, since, path.with_name(found["stem"] + found["suffix"]))


class Formers:
    """The former files of the database at `path`, and of those that it was moved from.

    `working` stands for it here, or would. `known` are those that the last look found.
    """

    def __init__(self, path: Path, working: Path) -> None:
        self._path = path
        self._working = working
        self._depot = Depot()
        self.known: tuple[Former, ...] = ()

    async def look(self) -> tuple[Former, ...]:
        """Those that are there. Raises `Unavailable` while one of the places is away."""
        lefts = await asyncio.to_thread(lefts_of, self._path, self._working.parent)
        places = {self._path: "", **{each.path: f", or delete {each.file}" for each in lefts}}
        found: set[Former] = set()
        for path, otherwise in places.items():
            names = await self._depot.names(path.parent) or []
            if f"{path.name}.lock" not in names:  # which stays wherever there was a database
                raise Unavailable(
                    f"{path.parent}: former files may be there, and it is away; mount its file"
                    f" system{otherwise}"
                )
            found |= _formers(path, names)
        for working in (self._working, *(each.working for each in lefts)):
            found |= _formers(working, await self._depot.names(working.parent) or [])
        self.known = tuple(sorted(found, key=lambda each: (each.since, each.path)))
        return self.known

    async def rotate(self, now: datetime) -> list[Former]:
        """Delete those that are due; which. Raises `StorageError`.

        The file itself goes last: what is left by whoever is interrupted is found by its name.
        """
        due = [each for each in await self.look() if each.due <= now]
        for each in due:
            ends = reversed(BESIDE)
            await self._depot.remove([each.path.with_name(each.path.name + end) for end in ends])
        self.known = tuple(each for each in self.known if each not in due)
        return due


def _formers(path: Path, names: Sequence[str]) -> set[Former]:
    """Of these names those of the former files of one database."""
    found = (former_of(path.with_name(name)) for name in names)
    return {each for each in found if each and each.of == path}
