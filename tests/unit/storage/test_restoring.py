"""A restore takes over what the present database knows of erasures, or says that it can't."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from storage.audit import Audit
from storage.backup import Copies
from storage.beside import Step, unwatched
from storage.condition import Condition
from storage.database import Database
from storage.driver import driver
from storage.filesystem import verdict_of
from storage.former_paths import FormerPaths, note
from storage.key import Key, Keyring
from storage.members import Members
from storage.opening import Mode, Place, opened, unopened
from storage.records import AuditEntry, Corrupt, Unavailable, WrongKey
from storage.relocation import Relocation, placed
from storage.restoring import Restored, Restoring
from storage.store import Store
from storage.turns import Turns
from storage.verdict import refuse_disk
from tests.unit.storage.values import KEY, NOON, turn

ENTRY = AuditEntry("boss", "db restore")
PERSON = "telegram:x:1"
BEFORE = Path("/before/parley.db")
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class House:
    """A database that knows of an erasure and where it was, and a backup from before both."""

    root: Path
    mode: Mode = "local"

    @property
    def place(self) -> Place:
        path = self.root / "nas" / "parley.db"
        risk = refuse_disk(verdict_of(path)).risk
        return Place(path, self.root / "here" / "parley.working.db", self.mode, risk)

    @property
    def backup(self) -> Path:
        return self.root / "backups" / "copy.db"

    async def restore(
        self,
        keys: Keyring | None = None,
        *,
        needs_present: bool = True,
        reached: Step = unwatched,
        now: datetime = NOON,
    ) -> Restored:
        keys = keys or Keyring()
        audit = Audit(unopened(self.place, keys.current), KEY)
        restoring = Restoring(self.place, keys, audit, reached)
        return await restoring.restore(self.backup, ENTRY, now, needs_present=needs_present)

    async def interrupted(self, last: str, *, needs_present: bool = True) -> None:
        def stop(step: str) -> None:
            if step == last:
                raise _Stopped

        with pytest.raises(_Stopped):
            await self.restore(needs_present=needs_present, reached=stop)

    async def known(self, key: Key | None = None) -> list[str]:
        async with opened(self.place, key=key) as store:
            db = store.database
            assert await db.read(Audit(db, KEY).faults) == []
            return [person for person, *_ in await Members(db).known()]

    def kept(self) -> list[Path]:
        return list(self.place.path.parent.glob("*.before-*.db"))


class _Stopped(Exception):
    pass


async def house_in(root: Path, key: Key | None = None, mode: Mode = "local") -> House:
    house = House(root, mode)
    async with opened(house.place, key=key) as store:
        db = store.database
        audit = Audit(db, KEY)
        await audit.begin()
        await Members(db).seen(PERSON, "telegram", "canary", "en")
        await Turns(db).commit(turn("kept"))
        house.backup.parent.mkdir()
        await Copies(db, audit, root).give(house.backup)
        await Members(db).forget(PERSON)
        await db.write(lambda connection: note(connection, [BEFORE]))
        await followed(store)
    return house


async def followed(store: Store) -> None:
    """Until the NAS, if there is one, has everything."""
    async with asyncio.timeout(PATIENCE_S):
        while await store.condition() not in (Condition("local"), Condition("copying")):
            await asyncio.sleep(0.01)


async def test_a_present_database_under_a_former_key_is_read(tmp_path: Path) -> None:
    former, key = Key(secrets.token_hex(32)), Key(secrets.token_hex(32))
    house = await house_in(tmp_path, former)
    assert (await house.restore(Keyring(key, (former,)))).lost == ()
    assert await house.known(key) == []
    async with opened(house.place, key=key) as store:
        assert await FormerPaths(store.database).known() == [BEFORE]


async def test_one_that_no_key_opens_stops_the_restore(tmp_path: Path) -> None:
    house = await house_in(tmp_path, Key(secrets.token_hex(32)))
    house.backup.unlink()
    async with Database(house.backup):
        pass
    with pytest.raises(WrongKey, match="add --without-present"):
        await house.restore()
    assert house.kept() == []
    assert "erasure" in (await house.restore(needs_present=False)).lost
    assert len(house.kept()) == 1


async def test_damage_stops_the_restore_and_what_was_erased_is_salvaged(tmp_path: Path) -> None:
    house = await house_in(tmp_path)
    connection = driver.connect(house.place.path, isolation_level=None)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = house.place.path.read_bytes()
    with pytest.raises(Corrupt, match=r"made by a newer Parley.*add --without-present"):
        await house.restore()
    assert house.place.path.read_bytes() == before
    restored = await house.restore(needs_present=False)
    assert "erasure" not in restored.lost
    assert "audit" in restored.lost
    assert await house.known() == []


async def test_where_the_working_file_is_ruined_the_nas_knows_who_was_erased(
    tmp_path: Path,
) -> None:
    house = await house_in(tmp_path, mode="local-first")
    house.place.working.write_bytes(b"ruined" * 9999)
    assert "erasure" in (await house.restore(needs_present=False)).lost
    assert await house.known() == []


async def test_nothing_is_put_where_the_nas_is_not_mounted(tmp_path: Path) -> None:
    house = await house_in(tmp_path, mode="local-first")
    house.place.path.parent.rename(tmp_path / "unplugged")
    with pytest.raises(Unavailable, match="mount its file system first"):
        await house.restore()
    assert house.place.working.exists()
    assert not house.place.path.parent.exists()
    (tmp_path / "unplugged").rename(house.place.path.parent)
    assert (await house.restore()).lost == ()
    assert await house.known() == []


@pytest.mark.parametrize("way", ["restore", "move"])
async def test_a_file_on_the_nas_that_lagged_is_not_kept(tmp_path: Path, way: str) -> None:
    """The NAS was away when somebody was erased, and when the bot stopped."""
    house = House(tmp_path, "local-first")
    nas = house.place.path.parent
    async with opened(house.place) as store:
        db, audit = store.database, Audit(store.database, KEY)
        await audit.begin()
        house.backup.parent.mkdir()
        await Copies(db, audit, tmp_path).give(house.backup)
        await Members(db).seen(PERSON, "telegram", "canary", "en")
        await Turns(db).commit(turn("kept"))
        await followed(store)
        nas.rename(tmp_path / "unplugged")
        nas.touch()
        await Members(db).forget(PERSON)
    nas.unlink()
    (tmp_path / "unplugged").rename(nas)
    assert holders(tmp_path) == [house.place.path]
    if way == "restore":
        (kept,) = (await house.restore()).kept
    else:
        target = tmp_path / "elsewhere" / "parley.db"
        audit = Audit(unopened(house.place), KEY)
        moving = Relocation(house.place, placed(house.place, target), None, audit)
        (kept,) = await moving.move(ENTRY, NOON, lambda done, total: None)
    assert holders(tmp_path) == []
    async with Database(kept) as db:
        assert [each.id for each in await Turns(db).recent("s-ann", 9)] == ["kept"]


def holders(root: Path) -> list[Path]:
    return [each for each in root.rglob("*") if each.is_file() and b"canary" in each.read_bytes()]


@pytest.mark.parametrize("needs_present", [True, False])
async def test_what_may_pass_stops_the_restore_in_any_case(
    tmp_path: Path, needs_present: bool
) -> None:
    house = await house_in(tmp_path)
    house.place.path.rename(tmp_path / "away")
    house.place.path.mkdir()
    with pytest.raises(Unavailable, match=r"can't be read") as raised:
        await house.restore(needs_present=needs_present)
    assert str(house.place.path) in str(raised.value)


async def test_without_a_present_database_there_is_nothing_to_take_over(tmp_path: Path) -> None:
    house = await house_in(tmp_path)
    house.place.path.unlink()
    assert await house.restore() == Restored((), ())
    assert await house.known() == [PERSON]


async def test_a_former_log_is_gone_before_the_new_file_is_there(tmp_path: Path) -> None:
    house = await house_in(tmp_path)
    path = house.place.path
    log = path.with_name(path.name + "-wal")
    path.write_bytes(b"ruined" * 9999)
    log.write_bytes(b"log")
    await house.interrupted("put", needs_present=False)
    assert not log.exists()
    [kept] = house.kept()
    assert kept.with_name(kept.name + "-wal").read_bytes() == b"log"
    await house.restore(now=NOON + timedelta(minutes=1))
    assert await house.known() == [PERSON]


async def test_the_journal_of_a_killed_run_does_not_meet_the_next_copy(tmp_path: Path) -> None:
    house = await house_in(tmp_path)
    scratch = house.place.scratch / f".{house.place.path.name}.restored"
    journal = scratch.with_name(scratch.name + "-journal")
    journal.write_bytes(b"hot")
    met: list[bool] = []
    await house.restore(reached=lambda step: met.append(journal.exists()))
    assert not met[0]
    assert await house.known() == []
