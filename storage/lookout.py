"""Looks at the lease of a file that may be on a mount that hangs, from this side of it.

The file itself is touched by a process that can be killed (`watcher.py`); so a bot that only stands
by has nothing open there, and can always be stopped. The process stays while the bot answers: one
that has the file open in a mount that hangs may not be able to start another.
"""

import asyncio
from asyncio import Task
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from storage.attendant import Attendant
from storage.key import Key
from storage.lease import Lease
from storage.records import Unavailable
from storage.tenure import Grip

SILENCE_S = 20.0
"""After this a look is given up, and made again by another process."""


class Lookout:
    """One side's view of the lease in the file at `path`. Leaving waits for no mount."""

    def __init__(self, path: Path, lease: Lease, key: Key | None = None) -> None:
        words = {"path": str(path.absolute()), "key": key.digits if key else ""}
        self._watcher = Attendant("storage.watcher", words, path, SILENCE_S)
        self._path = path
        self._lease = lease
        self._looking: Task[Grip | None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await _whole(self._end())

    async def look(self, patience_s: float | None = None) -> None:
        """Let the lease see how it stands in the file, which must be there already: behind a mount
        point that nothing is mounted on, a second database would begin.

        Raises `StorageError`; `Unavailable` also after so long without an answer, which the next
        look still gets.
        """
        looking = self._looking = self._looking or asyncio.create_task(self._grip())
        await asyncio.wait([looking], timeout=patience_s)
        if not looking.done():
            raise Unavailable(f"{self._path}: its file system does not answer yet")
        self._looking = None
        self._lease.see(looking.result())

    async def exists(self) -> bool:
        """Whether the file is there. Raises `StorageError`."""
        return bool((await self._watcher.ask("look"))["exists"])

    async def _end(self) -> None:
        if self._looking:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        await self._watcher.end()

    async def _grip(self) -> Grip | None:
        answer = await self._watcher.ask("look")
        if not answer["exists"]:
            raise Unavailable(
                f"{self._path}: it is not there; mount its file system, or make it with parley db"
                " upgrade"
            )
        return Grip(*answer["grip"]) if answer["grip"] else None


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Have it done whole, however often whoever waits is cancelled: that passes on when it is done.

    For what ends by itself in bounded time.
    """
    working, impatience = asyncio.ensure_future(work), None
    while not working.done():
        try:
            await asyncio.wait([working])  # which leaves it alone when it is cancelled
        except asyncio.CancelledError as error:
            impatience = error
    if impatience:
        raise impatience
    working.result()
