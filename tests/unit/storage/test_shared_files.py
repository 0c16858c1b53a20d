"""A file that two machines share is restored and moved while neither has a bot that runs."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from storage.audit import Audit
from storage.backup import Copies
from storage.connection import Connector
from storage.inbox import Inbox
from storage.key import Keyring
from storage.lookout import Lookout
from storage.opening import Place, Sharing, assert_silent, leasing, opened, unopened
from storage.pragmas import DIRECT
from storage.records import AuditEntry, Fenced
from storage.relocation import Relocation, placed
from storage.restoring import Restoring
from storage.store import Store
from storage.tenure import Standing
from tests.unit.storage.values import KEY, NOON, event

ENTRY = AuditEntry("boss", "db restore")


def place(root: Path, machine: str, ttl_s: float = 30) -> Place:
    working = root / machine / "parley.working.db"
    return Place(root / "nas" / "parley.db", working, sharing=Sharing(ttl_s, f"bot {machine}"))


@asynccontextmanager
async def running(where: Place) -> AsyncGenerator[Store]:
    with leasing(where) as lease:
        async with opened(where, lease=lease) as store:
            yield store


async def restore(where: Place, source: Path) -> None:
    audit = Audit(unopened(where), KEY)
    await Restoring(where, Keyring(), audit).restore(source, ENTRY, NOON)


async def move(where: Place, target: Path) -> Place:
    there = placed(where, target)
    audit = Audit(unopened(where), KEY)
    await Relocation(where, there, None, audit).move(ENTRY, NOON, _unwatched)
    return there


@pytest.fixture
async def backup(tmp_path: Path) -> Path:
    """Taken while the first machine's bot had the lease for the first time; it had it twice."""
    path = tmp_path / "backups" / "copy.db"
    path.parent.mkdir()
    async with running(place(tmp_path, "a")) as store:
        audit = Audit(store.database, KEY)
        await audit.begin()
        await Copies(store.database, audit, tmp_path).give(path)
    async with running(place(tmp_path, "a")) as store:
        await Inbox(store.database).record([event("since")])
    return path


async def epochs(store: Store) -> list[tuple[int, str]]:
    query = "SELECT epoch, label FROM lease_term ORDER BY epoch"
    return await store.database.read(
        lambda connection: [(row[0], row[1]) for row in connection.exec_driver_sql(query)]
    )


async def test_the_other_machine_restores_and_the_epochs_go_on(
    tmp_path: Path, backup: Path
) -> None:
    await restore(place(tmp_path, "b"), backup)
    async with running(place(tmp_path, "b")) as store:
        assert await epochs(store) == [(1, "bot a"), (2, "bot a"), (3, "bot b")]
        assert await Inbox(store.database).pending() == []
        assert await store.database.read(Audit(store.database, KEY).faults) == []


async def test_a_bot_of_the_other_machine_keeps_it(tmp_path: Path, backup: Path) -> None:
    there = place(tmp_path, "b")
    async with running(place(tmp_path, "a")) as store:
        number = 0

        async def meanwhile(_: float) -> None:
            nonlocal number
            number += 1
            await Inbox(store.database).record([event(f"e{number}")])

        with leasing(there) as lease, pytest.raises(Fenced, match="bot a is running and has the"):
            await assert_silent(there, lease, sleep=meanwhile)
        assert number == 1


async def test_one_that_gives_no_sign_keeps_it_by_its_lock(tmp_path: Path, backup: Path) -> None:
    there = place(tmp_path, "b", ttl_s=0.2)
    async with running(place(tmp_path, "a", ttl_s=0.2)):
        with pytest.raises(Fenced, match="another Parley owns it"):
            await restore(there, backup)
        with pytest.raises(Fenced, match="another Parley owns it"):
            await move(there, tmp_path / "other.db")


async def test_who_was_killed_is_waited_for(tmp_path: Path, backup: Path) -> None:
    there = place(tmp_path, "b", ttl_s=0.2)
    _leave_unsaid(there.path, ttl_s=0.2)
    await restore(there, backup)
    with leasing(there) as lease:
        assert lease
        async with Lookout(there.path, lease) as lookout:
            await lookout.look()
        assert lease.standing is Standing.FREE
        assert lease.newest == 2


async def test_it_moves_with_its_lease_and_is_still_shared(tmp_path: Path, backup: Path) -> None:
    target = await move(place(tmp_path, "b"), tmp_path / "other" / "p.db")
    assert target.home == target.path
    async with running(target) as store:
        assert (await epochs(store))[-1] == (3, "bot b")


def _unwatched(done: int, total: int) -> None: ...


def _leave_unsaid(path: Path, ttl_s: float) -> None:
    """As a bot that was killed leaves the lease."""
    connection = Connector(path, DIRECT).open()
    connection.exec_driver_sql("UPDATE lease SET holder = 'dead', ttl_s = ?", (ttl_s,))
    connection.close()
