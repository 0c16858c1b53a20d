"""The one door to a database: from where it is said to be, to a started storage.

`Place` says where and how; `opened` starts what that means. Whether a file system is local is
asked of the file system unless somebody said.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from storage import tenure
from storage.courier import ChildCourier
from storage.database import Database
from storage.faults import explain_os
from storage.filesystem import accept, nas_of, reach, verdict_of
from storage.instance import alone
from storage.key import Key
from storage.lease import Lease
from storage.lookout import Lookout
from storage.mooring import moor, moored, mooring_file
from storage.notice import notice_file, read_notice, read_restoring
from storage.pragmas import DIRECT
from storage.records import Corrupt, Fenced, Unavailable, WrongKey
from storage.spool import PACE, Spool
from storage.store import Local, Store
from storage.tenure import Standing
from storage.threads import detached
from storage.verdict import Verdict, refuse_adrift, refuse_disk

Mode = Literal["auto", "local", "local-first", "direct"]


@dataclass(frozen=True, slots=True)
class Sharing:
    """Several bots share the file, one at a time: the lease's time to live, this bot's `label`."""

    ttl_s: float
    label: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the database is. `working` is the file that stands for it here when it is on a NAS;
    `sharing` is None where one bot has the file for itself.
    """

    path: Path
    working: Path
    mode: Mode = "auto"
    accept_risk: str = ""
    sharing: Sharing | None = None

    @property
    def is_local_first(self) -> bool:
        """Whether writes go to the working file first.

        A working file that is there is used even when the mount is not, for behind an empty mount
        point is a local disk.
        """
        if self.sharing:
            return False
        if self.mode != "auto":
            return self.mode == "local-first"
        return self.working.exists() or not verdict_of(self.path).is_disk

    @property
    def verdict(self) -> Verdict:
        """The verdict on the file system of `path`, which is not safe on a disk of this machine if
        it is to be on a NAS, or was when it was seen last."""
        verdict = verdict_of(self.path)
        if not verdict.is_disk:
            return verdict
        if self.is_local_first:
            return refuse_disk(verdict)
        was = moored(self.path, self.working)
        noted = str(mooring_file(self.working))
        return refuse_adrift(verdict, was, noted) if was else verdict

    @property
    def risk(self) -> str:
        """The risk that is taken with the file system of `path`; empty when none is."""
        risk = self.verdict.risk
        return risk if risk == self.accept_risk else ""

    @property
    def home(self) -> Path:
        """The file that what belongs to the bot stands beside, its keys above all."""
        return self.working if self.is_local_first else self.path

    @property
    def scratch(self) -> Path:
        """A directory on a disk of this machine, for copies on their way."""
        is_here = not self.is_local_first and verdict_of(self.path).is_disk
        return (self.path if is_here else self.working).parent

    @property
    def here(self) -> Path:
        """The file that what belongs to the bot of this machine stands beside, as its socket: on a
        disk of its own, for what is deleted on a mount that hangs holds up whoever deletes it."""
        return self.working if self.sharing or self.mode == "direct" else self.home

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are there, the one on the NAS first.

        Raises `Unavailable` when there is only the one that stands for it here.
        """
        if not self.is_local_first:
            return tuple(path for path in (self.path,) if path.exists())
        found = tuple(path for path in (self.path, self.working) if path.exists())
        if found == (self.working,):
            raise Unavailable(f"{self.path}: the file is not there; mount its file system first")
        return found


@contextmanager
def leasing(place: Place) -> Generator[Lease | None]:
    """This machine's side of the lease, as long as the block runs; None where nobody shares.

    Raises `Fenced` when another process of this machine runs, or one that shares with nobody has
    the file; `Unavailable` where two bots can't share.
    """
    if place.sharing is None:
        yield None
        return
    verdict = verdict_of(place.path)
    if verdict.standby == "none":
        raise Unavailable(
            f"{place.path}: on {verdict.filesystem} one bot alone may use the database; leave"
            " storage.standby out, or mount it with NFS 4.1"
        )
    accept(verdict, place.path, place.accept_risk)
    with alone(place.working.with_name(f"{place.path.stem}.instance")) as me:
        terms = tenure.Terms(me, place.sharing.ttl_s, verdict.standby == "automatic")
        yield Lease(terms, place.sharing.label)


async def assert_silent(
    place: Place,
    lease: Lease | None,
    key: Key | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Return when no bot of another machine has the lease: one that was killed did not give it up,
    and is waited for. Raises `Fenced` when it gives a sign.

    A file that can't be read, whose lease nobody can keep, is left to its lock.
    """
    if lease is None:
        return
    async with Lookout(place.path, lease, key) as lookout:
        with suppress(Corrupt, WrongKey):
            if await lookout.exists():
                await _see_silence(place, lease, lookout, sleep)


async def _see_silence(
    place: Place, lease: Lease, lookout: Lookout, sleep: Callable[[float], Awaitable[None]]
) -> None:
    await lookout.look()
    while lease.standing is Standing.HELD:
        before = lease.watch
        await sleep(lease.rest_s)
        await lookout.look()
        if lease.standing is Standing.HELD and lease.watch is not before:
            name = lease.watch.grip.label if lease.watch.grip else ""
            raise Fenced(f"{place.path}: {name} is running and has the lease; stop it first")


@asynccontextmanager
async def opened(
    place: Place,
    observe: Callable[[int, float], None] | None = None,
    key: Key | None = None,
    lease: Lease | None = None,
) -> AsyncGenerator[Store]:
    """A started storage, all its files under one key, under this lease if it is shared.

    Raises `StorageError`.
    """
    await detached(partial(_assert_here, place))
    await asyncio.to_thread(assert_whole, place)
    if place.is_local_first:
        _admit(place)
        async with (
            ChildCourier(
                place.working,
                place.path,
                PACE.silence_s,
                key=key,
                accept_risk=place.accept_risk,
            ) as courier,
            Spool.open(courier, observe, key=key) as spool,
        ):
            await asyncio.to_thread(_moor, place)
            yield spool
    else:
        is_disk = verdict_of(place.path).is_disk
        pragmas = DIRECT if (lease or place.mode == "direct") and is_disk else None
        async with Database(
            place.path,
            observe=observe,
            custody=lease,
            pragmas=pragmas,
            accept_risk=place.accept_risk,
            key=key,
        ) as database:
            await asyncio.to_thread(_moor, place)
            yield Local(database, lease)


def _moor(place: Place) -> None:
    """Note it if it is on a NAS."""
    try:
        if mount := nas_of(place.path):
            moor(place.path, place.working, mount)
    except OSError as error:
        raise explain_os(error, mooring_file(place.working)) from error


def _assert_here(place: Place) -> None:
    reach(place.path)
    assert_moored(place)
    notice = read_notice(place.path, place.working)
    if notice and notice.is_done and notice.target != place.path.absolute():
        file = notice_file(place.path, place.working)
        raise Unavailable(
            f'{place.path}: it was moved; write storage.path = "{notice.target}" into the'
            f" configuration. To go on here all the same, delete {file}"
        )


def assert_whole(place: Place) -> None:
    """Raises `Unavailable` while a backup may be half in the place of the database."""
    backup = read_restoring(place.path, place.working)
    if backup is not None:
        raise Unavailable(
            f"{place.path}: putting {backup} in its place was interrupted; do it again with"
            f" “parley db restore”. The former files are beside it, as {place.path.stem}.before-…"
        )


def assert_moored(place: Place) -> None:
    """Raises `Unavailable` where the file would be used in an unsafe place, on a disk where a NAS
    was above all, unless that risk is taken."""
    if not place.is_local_first:
        accept(place.verdict, place.path, place.accept_risk)


def unopened(place: Place, key: Key | None = None) -> Database:
    """The database of a place without a working file being started or anything opened: for what
    only needs to be told of it."""
    return Database(place.home, accept_risk=place.accept_risk, key=key)


def _admit(place: Place) -> None:
    """Raises `Unavailable` for a working file that is not on a local disk, for it is written with a
    write-ahead log. The NAS is judged by who opens the file there.
    """
    here = verdict_of(place.working)
    if not here.is_disk:
        raise Unavailable(
            f"{place.working}: the working file would be on {here.filesystem}; name a directory on"
            " a local disk in storage.local_dir"
        )
