"""A directory for copies, which may be on a NAS: it is touched only from a process that can be
killed when its mount hangs, a new one for each thing to do (`porter.py`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from storage.attendant import Attendant
from storage.porter import PART
from storage.records import Unavailable

SILENCE_S = 60.0
"""How long a disk may say nothing about a step."""
MOST_LEFT = 3
"""So many processes that hang in the kernel are left behind there; no more are begun then."""
REMEDY = "mend its mount, or name another place"


class Depot:
    """Every method raises `StorageError`; `Unavailable` when the disk is silent for so long."""

    def __init__(self, silence_s: float = SILENCE_S) -> None:
        self._silence_s = silence_s
        self._left: list[Attendant] = []

    @property
    def left(self) -> int:
        """How many processes were left behind and hang still."""
        self._left = [each for each in self._left if each.hangs]
        return len(self._left)

    async def put(self, source: Path, target: Path, beside: str = "") -> None:
        """Copy a file under its name in the other place, where it replaces what was there; only
        where a file `beside` it is, if that is named.
        """
        words = {"source": str(source), "target": str(target), "beside": beside}
        await self._ask(target, "put", **words)

    async def names(self, directory: Path) -> list[str] | None:
        """The names of the files in a directory; None: there is none."""
        return (await self._ask(directory, "names", directory=str(directory)))["names"]

    async def is_same(self, path: Path, other: Path) -> bool:
        """Whether both are names of one file that is there."""
        answer = await self._ask(path, "is_same", source=str(path), other=str(other))
        return bool(answer["is_same"])

    async def mark(self, path: Path) -> None:
        """Make an empty file, and its directory."""
        await self._ask(path, "mark", path=str(path))

    async def digest(self, path: Path) -> str:
        """The SHA-256 of a file, in hexadecimal; empty for one that is empty or not there."""
        return str((await self._ask(path, "digest", source=str(path)))["sha256"])

    async def remove(self, paths: Sequence[Path]) -> None:
        """Delete files in this order, for good; one that is gone already is no fault."""
        if paths:
            await self._ask(paths[0], "remove", paths=[str(path) for path in paths])

    async def _ask(self, where: Path, do: str, **request: object) -> Mapping[str, Any]:
        if self.left >= MOST_LEFT:
            raise Unavailable(
                f"{where}: nothing more is begun while {self.left} processes hang in a file system"
                f" that does not answer; {REMEDY}"
            )
        porter = Attendant("storage.porter", {}, where, self._silence_s, remedy=REMEDY)
        try:
            async with porter:
                return await porter.ask(do, **request)
        finally:
            if porter.hangs:
                self._left.append(porter)


def whose_part(name: str) -> str:
    """The name that the file of this name would have got once it was whole; empty for others."""
    start, end = PART.split("{}")
    is_part = name.startswith(start) and name.endswith(end)
    return name.removeprefix(start).removesuffix(end) if is_part else ""
