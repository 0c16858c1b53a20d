"""A restore takes over what the present database knows of erasures, or says that it can't."""

import secrets
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage.audit import Audit
from storage.backup import Copies
from storage.database import Database
from storage.driver import driver
from storage.key import Key, Keyring
from storage.members import Members
from storage.opening import Place, unopened
from storage.records import AuditEntry, Corrupt, Unavailable, WrongKey
from storage.restoring import Restored, Restoring
from storage.turns import Turns
from tests.unit.storage.values import KEY, NOON, turn

ENTRY = AuditEntry("boss", "db restore")
PERSON = "telegram:x:1"


@dataclass(frozen=True, slots=True)
class House:
    """A database that knows of an erasure, and a backup from before it."""

    root: Path

    @property
    def place(self) -> Place:
        return Place(self.root / "parley.db", self.root / "parley.working.db", "local")

    @property
    def backup(self) -> Path:
        return self.root / "backups" / "copy.db"

    async def restore(self, keys: Keyring | None = None, *, needs_present: bool = True) -> Restored:
        keys = keys or Keyring()
        audit = Audit(unopened(self.place, keys.current), KEY)
        restoring = Restoring(self.place, keys, audit)
        return await restoring.restore(self.backup, ENTRY, NOON, needs_present=needs_present)

    async def known(self, key: Key | None = None) -> list[str]:
        async with Database(self.place.path, key=key) as db:
            assert await db.read(Audit(db, KEY).faults) == []
            return [person for person, *_ in await Members(db).known()]

    def kept(self) -> list[Path]:
        return list(self.root.glob("*.before-*.db"))


async def house_in(root: Path, key: Key | None = None) -> House:
    house = House(root)
    async with Database(house.place.path, key=key) as db:
        audit = Audit(db, KEY)
        await audit.begin()
        await Members(db).seen(PERSON, "telegram", "canary", "en")
        await Turns(db).commit(turn("kept"))
        house.backup.parent.mkdir()
        await Copies(db, audit, root).give(house.backup)
        await Members(db).forget(PERSON)
    return house


async def test_a_present_database_under_a_former_key_is_read(tmp_path: Path) -> None:
    former, key = Key(secrets.token_hex(32)), Key(secrets.token_hex(32))
    house = await house_in(tmp_path, former)
    assert (await house.restore(Keyring(key, (former,)))).lost == ()
    assert await house.known(key) == []


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
