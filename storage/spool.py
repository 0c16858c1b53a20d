"""Local-first: every write commits to a working file here, and follows to the NAS by itself.

The working file is a whole database of the same tables, so nothing else knows of this: answers,
windows and searches are the same while the NAS is away. Its change log says what the NAS lacks;
the applier copies it (`applier.py`), at most a few times a second, so that one commit there
carries many here. What would be lost with the local disk is what was not copied yet, which
`condition` counts.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import structlog
import tenacity

from storage import changes
from storage.changes import Point
from storage.clock import to_micros, utc_now
from storage.condition import Condition
from storage.custody import Logging
from storage.database import Database
from storage.directory import make_directory
from storage.key import Key
from storage.lineage import Plan
from storage.ownership import Ownership
from storage.pragmas import LOCAL
from storage.records import Fenced, Silent, StorageError, Unavailable

log = structlog.stdlib.get_logger("storage")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the NAS is written, when it is held to be away, and how often it is tried then.

    `opening_s` is how long a silent one is waited for where nothing can begin without it.
    """

    pause_s: float = 0.2
    silence_s: float = 10.0
    opening_s: float = 60.0
    first_retry_s: float = 0.5
    longest_retry_s: float = 5.0
    last_copy_s: float = 5.0


PACE = Pace()


class Courier(Protocol):
    """Brings requests to an applier that copies `working` to `other`."""

    @property
    def working(self) -> Path: ...

    @property
    def other(self) -> Path: ...

    async def ask(self, do: str, **request: object) -> Mapping[str, Any]:
        """The answer. Raises `StorageError`; `Silent` when there is none in time."""
        ...


class Spool:
    """A working file that is being copied; `Spool.open` makes one."""

    def __init__(
        self, database: Database, courier: Courier, pace: Pace, written: asyncio.Event
    ) -> None:
        self.database = database
        self._courier = courier
        self._pace = pace
        self._written = written
        self._ending = asyncio.Event()
        self._fault: StorageError | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        courier: Courier,
        observe: Callable[[int, float], None] | None = None,
        pace: Pace = PACE,
        key: Key | None = None,
    ) -> AsyncGenerator["Spool"]:
        """The working file, made from the other if need be, and copied to it from now on.

        Raises `Unavailable` when the other can't be reached and there is no working file, `Fenced`
        when somebody else owns one of them or each has rows that the other has not, and what
        opening a database raises.
        """
        written = asyncio.Event()

        def committed(writes: int, seconds: float) -> None:
            written.set()
            if observe:
                observe(writes, seconds)

        working = courier.working
        await asyncio.to_thread(_assert_free, working)
        plan, fault = await _meet(courier, pace)
        database = Database(working, observe=committed, custody=Logging(), pragmas=LOCAL, key=key)
        async with database:
            spool = cls(database, courier, pace, written)
            if plan is Plan.FILL:
                fault = await spool._begin()
            if fault is not None:
                spool._meet_fault(fault)
            async with spool._copying():
                yield spool

    async def condition(self) -> Condition:
        """What waits, and why."""
        backlog = await self.database.read(changes.backlog)
        since_us = backlog.since_us
        waiting_s = 0.0 if since_us is None else (to_micros(utc_now()) - since_us) / 1e6
        state = "copying"
        if self._fault is not None:
            state = "refused" if isinstance(self._fault, Fenced) else "degraded"
        return Condition(state, backlog.rows, max(waiting_s, 0.0), str(self._fault or ""))

    @asynccontextmanager
    async def _copying(self) -> AsyncGenerator[None]:
        task = asyncio.create_task(self._copy_for_ever(), name="parley-spool")
        try:
            yield
        finally:
            self._ending.set()
            self._written.set()
            try:
                await asyncio.wait({task}, timeout=self._pace.last_copy_s)
            finally:  # whoever is cancelled meanwhile leaves nothing that copies on
                task.cancel()
                await asyncio.wait({task})

    async def _copy_for_ever(self) -> None:
        """Until the end, and then once more."""
        retry_s = self._pace.first_retry_s
        while True:
            is_last = self._ending.is_set()
            self._written.clear()
            try:
                await self._copy()
            except StorageError as error:
                self._meet_fault(error)
                await self._pause(retry_s)
                retry_s = min(retry_s * 2, self._pace.longest_retry_s)
            else:
                self._recover()
                retry_s = self._pace.first_retry_s
                await self._pause(self._pace.pause_s)
                if not self._ending.is_set():
                    await self._written.wait()
            if is_last:
                return

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ending.wait()

    async def _copy(self) -> None:
        """Bring the NAS up to now, if it is behind or was away."""
        waiting = await self.database.read(changes.backlog)
        if waiting.rows == 0 and self._fault is None:
            return
        answer = await self._courier.ask("apply")
        match answer.get("plan"):
            case None:
                point = Point(*answer["point"])
                await self.database.write(lambda connection: changes.note_copied(connection, point))
            case Plan.FILL:
                await self._fill()
            case Plan.WAIT:
                raise _missing(self._courier.other)
            case _:
                raise _divided(self.database.path, self._courier.other)

    async def _begin(self) -> Silent | None:
        """Fill the other file, which is there by now. Silence is no fault of an opening any more:
        it is returned, and whoever copies fills the file later."""
        try:
            await self._fill()
        except Silent as error:
            return error
        return None

    async def _fill(self) -> None:
        point = await self.database.write(changes.start_over)
        await self._courier.ask("fill", point=[point.seq, point.mark])

    def _meet_fault(self, error: StorageError) -> None:
        if self._fault is None or type(self._fault) is not type(error):
            log.warning("the NAS is away; everything waits here", reason=str(error))
        self._fault = error

    def _recover(self) -> None:
        if self._fault is not None:
            log.info("the NAS is back")
        self._fault = None


def _assert_free(working: Path) -> None:
    """Fail early, in words, when another bot has the working file."""
    make_directory(working.parent)
    with Ownership(working):
        pass


async def _meet(courier: Courier, pace: Pace) -> tuple[Plan, StorageError | None]:
    """What to do at the start, done as far as it comes before the working file is opened.

    An applier whose bot was killed may still own the NAS's file for a moment; and without a working
    file a NAS that is busy is waited for.
    """
    try:
        async for attempt in tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(partial(_may_pass, courier)),
            wait=tenacity.wait_fixed(pace.first_retry_s),
            stop=_Patience(pace),
            reraise=True,
        ):
            with attempt:
                plan = Plan((await courier.ask("meet"))["plan"])
                if plan is Plan.BUILD:
                    await courier.ask("build")
                if plan is Plan.FILL:
                    await courier.ask("make")
                if plan is Plan.REFUSE:
                    break
                return plan, _missing(courier.other) if plan is Plan.WAIT else None
    except Fenced:
        raise
    except StorageError as error:
        if not courier.working.exists():
            raise
        return Plan.WAIT, error
    raise _divided(courier.working, courier.other)


def _may_pass(courier: Courier, error: BaseException) -> bool:
    if isinstance(error, Silent):
        return not courier.working.exists()
    return isinstance(error, Fenced)


@dataclass(slots=True)
class _Patience:
    """Says when to stop trying. An applier that was silent was killed, and may own its file still:
    that one counts as silence too."""

    pace: Pace
    was_silent: bool = False

    def __call__(self, tried: tenacity.RetryCallState) -> bool:
        error = tried.outcome.exception() if tried.outcome else None
        self.was_silent |= isinstance(error, Silent)
        limit_s = self.pace.opening_s if self.was_silent else self.pace.silence_s
        return (tried.seconds_since_start or 0.0) >= limit_s


def _missing(other: Path) -> Unavailable:
    return Unavailable(
        f"{other}: the file is not there, but was; mount its file system, or put an empty file in"
        " its place to have everything copied there again"
    )


def _divided(working: Path, other: Path) -> Fenced:
    return Fenced(
        f"{other} and {working} both hold rows that the other does not. To go on with what is on"
        f" the NAS, move {working} away; to go on with what is here, move {other} away and put an"
        " empty file in its place. Keep what you move: nothing merges them"
    )
