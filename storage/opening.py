"""The one door to a database: from where it is said to be, to a started storage.

`Place` says where and how; `opened` starts what that means. Whether a file system is local is
asked of the file system unless somebody said.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storage.courier import ChildCourier
from storage.database import Database
from storage.filesystem import accept, verdict_of
from storage.key import Key
from storage.pragmas import DIRECT
from storage.records import Unavailable
from storage.spool import PACE, Spool
from storage.store import Local, Store

Mode = Literal["auto", "local", "local-first", "direct"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the database is. `working` is the file that stands for it here when it is on a NAS."""

    path: Path
    working: Path
    mode: Mode = "auto"
    accept_risk: str = ""

    @property
    def is_local_first(self) -> bool:
        """Whether writes go to the working file first.

        A working file that is there is used even when the mount is not, for behind an empty mount
        point is a local disk.
        """
        if self.mode != "auto":
            return self.mode == "local-first"
        return self.working.exists() or not verdict_of(self.path).is_disk

    @property
    def home(self) -> Path:
        """The file here that what belongs to the running bot stands beside: socket, page key."""
        return self.working if self.is_local_first else self.path

    @property
    def scratch(self) -> Path:
        """A directory on a disk of this machine, for copies on their way."""
        is_here = not self.is_local_first and verdict_of(self.path).is_disk
        return (self.path if is_here else self.working).parent


@asynccontextmanager
async def opened(
    place: Place, observe: Callable[[int, float], None] | None = None, key: Key | None = None
) -> AsyncGenerator[Store]:
    """A started storage, all its files under one key. Raises `StorageError`."""
    if place.is_local_first:
        _admit(place)
        async with (
            ChildCourier(place.working, place.path, PACE.silence_s, key=key) as courier,
            Spool.open(courier, observe, key=key) as spool,
        ):
            yield spool
    else:
        is_disk = verdict_of(place.path).is_disk
        pragmas = DIRECT if place.mode == "direct" and is_disk else None
        async with Database(
            place.path, observe=observe, pragmas=pragmas, accept_risk=place.accept_risk, key=key
        ) as database:
            yield Local(database)


def _admit(place: Place) -> None:
    """Judge both mounts without touching the NAS, which may be away.

    Raises `Unavailable` for a working file that is not on a local disk, for it is written with a
    write-ahead log, and for an unsafe mount.
    """
    here = verdict_of(place.working)
    if not here.is_disk:
        raise Unavailable(
            f"{place.working}: the working file would be on {here.filesystem}; name a directory on"
            " a local disk in storage.local_dir"
        )
    accept(verdict_of(place.path), place.path, place.accept_risk)
