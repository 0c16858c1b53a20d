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
from storage.pragmas import DIRECT
from storage.spool import PACE, Spool
from storage.store import Local, Store

Mode = Literal["auto", "local", "local-first", "direct"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the database is. `working` is the file that stands for it here when it is on a NAS."""

    path: Path
    working: Path
    mode: Mode = "auto"

    @property
    def is_local_first(self) -> bool:
        """Whether writes go to the working file first.

        A working file that is there is used even when the mount is not, for behind an empty mount
        point is a local disk.
        """
        return self.mode == "local-first" or (self.mode == "auto" and self.working.exists())

    @property
    def home(self) -> Path:
        """The file here that what belongs to the running bot stands beside: socket, page key."""
        return self.working if self.is_local_first else self.path


@asynccontextmanager
async def opened(
    place: Place, observe: Callable[[int, float], None] | None = None
) -> AsyncGenerator[Store]:
    """A started storage. Raises `StorageError`."""
    if place.is_local_first:
        async with (
            ChildCourier(place.working, place.path, PACE.silence_s) as courier,
            Spool.open(courier, observe) as spool,
        ):
            yield spool
    else:
        pragmas = DIRECT if place.mode == "direct" else None
        async with Database(place.path, observe=observe, pragmas=pragmas) as database:
            yield Local(database)
