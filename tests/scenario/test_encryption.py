"""A canary in a conversation: with encryption on it is in no file that a bot leaves anywhere."""

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Attachment
from bot.config import ConfigError, Settings
from bot.control import ControlError, ask, socket_path
from bot.key_age import note_key
from bot.keyring import add_key, keyring_of
from bot.place import place_of
from bot.secret import audit_key
from bot.verbs.doctor import look
from bot.verbs.rekey import rekey
from bot.verbs.restore import restore
from storage.audit import Audit
from storage.backup import check
from storage.clock import utc_now
from storage.database import Database
from storage.key import Key
from storage.records import AuditEntry, WrongKey
from storage.roster import RosterStore
from storage.turns import Turns
from tests.scenario.bots import Bot, as_nas, running_bot, settings_in
from tests.unit.bot.events import message
from tests.unit.storage.canary import holders

CANARY = "kanarienvogel7f3a"
KEY, OTHER_KEY = Key("1f" * 32), Key("2e" * 32)
NOTES = Attachment("f1", "notes.txt", "text/plain")


@dataclass(frozen=True, slots=True)
class Box:
    """A machine with a disk, a NAS and a place for what is temporary."""

    root: Path

    def settings(self, mode: str, **storage: Any) -> Settings:
        path = self.root / "nas" / "parley.db"
        places = {
            "path": path,
            "local_dir": self.root / "disk",
            "anchor": self.root / "disk" / "anchor",
            "mode": mode,
        }
        risk = as_nas(path) if mode == "local-first" else {}
        return settings_in(self.root, storage=places | risk | storage)

    def found(self) -> set[str]:
        """The files that hold the canary."""
        return holders(self.root, CANARY)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    for name in ("nas", "disk", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return Box(tmp_path)


async def converse(bot: Bot, settings: Settings, copy: Path) -> None:
    """A question, a file, an answer, a search and a backup, all about the canary."""
    bot.platform.files["f1"] = f"feed the {CANARY}".encode()
    await bot.platform.receive([message(f"what does a {CANARY} eat?", files=(NOTES,))])
    await bot.platform.until(lambda: CANARY in "".join(bot.platform.shown("ann")))
    office = socket_path(place_of(settings).home)
    query = {"do": "db.search", "query": CANARY, "limit": 5, "actor": "test"}
    assert (await ask(office, query))["found"]
    await ask(office, {"do": "db.backup", "target": str(copy), "actor": "test"})
    await bot.until_async(bot.running.desk.storage, lambda condition: not condition.waiting)


@pytest.mark.parametrize("mode", ["local", "local-first"])
async def test_with_a_key_nothing_on_disk_is_readable(box: Box, mode: str) -> None:
    key = box.root / "key"
    add_key(key, utc_now())
    settings = box.settings(mode, key_file=key)
    async with running_bot(settings) as bot:
        await converse(bot, settings, box.root / "nas" / "one.db")
        assert box.found() == set()
    assert box.found() == set()
    await asyncio.to_thread(rekey, settings, generate=True, plain=False)
    assert box.found() == set()


async def test_the_first_key_hides_what_was_readable(box: Box) -> None:
    settings = box.settings("local-first")
    async with running_bot(settings) as bot:
        await converse(bot, settings, box.root / "nas" / "parley-20260505T033000Z.db")
    copy = Path(shutil.copy(box.root / "nas" / "parley-20260505T033000Z.db", box.root / "copy.db"))
    assert box.found() == {
        "nas/parley.db",
        "nas/parley-20260505T033000Z.db",
        "disk/parley.working.db",
        "copy.db",
    }
    encrypted = box.settings("local-first", key_file=box.root / "key", backup_dir=box.root / "nas")
    await asyncio.to_thread(rekey, encrypted, generate=True, plain=False)
    assert box.found() == {"copy.db"}
    await asyncio.to_thread(restore, encrypted, copy)
    assert box.found() == {"copy.db"}
    async with Database(settings.storage.path, key=keyring_of(encrypted).current) as db:
        assert await Turns(db).count() == 1


async def test_backups_that_are_away_are_told_of_and_follow_later(box: Box) -> None:
    nas, unplugged = box.root / "nas", box.root / "unplugged"
    settings = box.settings("local", backup_dir=nas / "backups")
    async with running_bot(settings) as bot:
        backups = bot.running.desk.backups
        assert backups
        await bot.until(lambda: len(backups.state.kept) == 1)
        (name,) = [each.name for each in backups.state.kept]
    (nas / "backups").rename(unplugged)
    encrypted = box.settings("local", backup_dir=nas / "backups", key=KEY.digits)
    with pytest.raises(ControlError, match=r"as they were.*mount its file system"):
        await asyncio.to_thread(rekey, encrypted, generate=False, plain=False)
    assert not (nas / "backups").exists()
    unplugged.rename(nas / "backups")
    await asyncio.to_thread(rekey, encrypted, generate=False, plain=False)
    async with Database(nas / "backups" / name, key=KEY) as copy:
        assert (await check(copy)).problems == ()


async def test_a_key_that_is_old_is_told_of(box: Box) -> None:
    settings = box.settings("local", key=KEY.digits)
    path = settings.storage.path
    long_ago = utc_now() - timedelta(days=91)
    async with Database(path, key=KEY) as db:
        store = RosterStore(db, Audit(db, audit_key(settings), settings.storage.anchor))
        assert await note_key(KEY, store, now=lambda: long_ago) == long_ago
    async with running_bot(settings) as bot:
        storage = (await bot.app.readiness(bot.running.desk)).parts["storage"]
        assert storage.ready
        assert "the storage key is 91 days old" in storage.detail
        age = bot.app.metrics.registry.get_sample_value("parley_storage_key_age_seconds")
        assert age == pytest.approx(91 * 86_400, abs=3_600)
        findings = await asyncio.to_thread(lambda: {each.part: each for each in look(settings)})
        assert (findings["key"].well, findings["key"].remark) == (True, True)
        assert "91 days old" in findings["key"].text


async def test_a_new_key_is_noticed_however_it_came(box: Box) -> None:
    settings = box.settings("local", key=KEY.digits)
    async with running_bot(settings) as bot:
        (entry,) = [each for each in await bot.running.desk.audit.latest(9) if is_of_key(each)]
        assert (entry.actor, entry.detail) == ("system", '{"encrypted": true}')
        age = bot.app.metrics.registry.get_sample_value("parley_storage_key_age_seconds")
        assert age is not None
        assert 0 <= age < 3_600
        with pytest.raises(ControlError, match="Stop it"):
            await asyncio.to_thread(rekey, settings, generate=False, plain=False)
    changed = box.settings("local", key=f"{OTHER_KEY.digits}\n{KEY.digits}")
    with pytest.raises(WrongKey, match="parley db rekey"):
        async with running_bot(changed):
            pass
    await asyncio.to_thread(rekey, changed, generate=False, plain=False)
    async with running_bot(changed) as bot:
        entry, _ = [each for each in await bot.running.desk.audit.latest(9) if is_of_key(each)]
        assert entry.actor.startswith("console:local:")


def is_of_key(entry: AuditEntry) -> bool:
    return entry.action == "storage key"


@pytest.mark.parametrize(
    ("storage", "flags", "told"),
    [
        ({}, {}, "there is no key to encrypt with"),
        ({"encryption": "off"}, {}, "there is no key to encrypt with"),
        ({"key": KEY.digits}, {"plain": True}, "storage.encryption"),
        ({"key": KEY.digits}, {"generate": True}, "the file that storage.key_file names"),
    ],
    ids=str,
)
def test_flags_and_configuration_must_agree(
    box: Box, storage: dict[str, str], flags: dict[str, bool], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        rekey(box.settings("local", **storage), **({"generate": False, "plain": False} | flags))


async def test_a_change_that_did_not_end_goes_before_the_next(box: Box) -> None:
    key = box.root / "key"
    add_key(key, utc_now())
    settings = box.settings("local", key_file=key)
    async with Database(settings.storage.path, key=keyring_of(settings).current) as db:
        assert await db.writable()
    add_key(key, utc_now())
    with pytest.raises(ConfigError, match="Run “parley db rekey” first"):
        await asyncio.to_thread(rekey, settings, generate=True, plain=False)
    await asyncio.to_thread(rekey, settings, generate=False, plain=False)
    await asyncio.to_thread(rekey, settings, generate=True, plain=False)
    assert len(keyring_of(settings).all) == 3
    assert await asyncio.to_thread(lambda: key.stat().st_mode & 0o777) == 0o600
    readable = box.settings("local", key_file=key, encryption="off")
    await asyncio.to_thread(rekey, readable, generate=False, plain=True)
    async with Database(settings.storage.path) as db:
        assert await db.writable()


async def test_a_lost_key_is_not_replaced_by_a_new_one(box: Box) -> None:
    key = box.root / "key"
    settings = box.settings("local", key_file=key)
    async with Database(settings.storage.path, key=KEY) as db:
        assert await db.writable()
    with pytest.raises(ConfigError, match="Put it back"):
        await asyncio.to_thread(rekey, settings, generate=True, plain=False)
    assert not key.exists()
