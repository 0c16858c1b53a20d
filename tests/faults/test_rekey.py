"""Another key for a file, by kill -9 at every step: always one whole file that a key opens.

Run as a program (`python -m tests.faults.test_rekey DIRECTORY CHANGE`), it changes the key of
copies of what is there, and dies in each at another step.
"""

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from storage.audit import Audit
from storage.backup import check
from storage.connection import Connector, discard
from storage.database import Database
from storage.header import MAGIC
from storage.inbox import Inbox
from storage.key import Key, Keyring
from storage.pragmas import LOCAL, NETWORK
from storage.records import AuditEntry, Corrupt, Fenced, WrongKey
from storage.rekey import key_of, rekey
from storage.schema import prepare
from storage.turns import Turns
from tests.unit.storage.values import destination, event, turn

OLD, NEW, OTHER = Key("1f" * 32), Key("2e" * 32), Key("3d" * 32)
AUDIT_KEY = b"a key of the audit's own"
LONG = bool(os.environ.get("PARLEY_LONG_FAULTS"))
CHANGES = {
    "another": (OLD, Keyring(NEW, (OTHER, OLD))),
    "first": (None, Keyring(NEW)),
    "none": (OLD, Keyring(None, (OLD,))),
}
"""The key a file was written with, and those to change it by."""


def audit_of(path: Path) -> Audit:
    """The audit of a file that is not open."""
    return Audit(Database(path), AUDIT_KEY)


def rekeyed(path: Path, keys: Keyring) -> list[tuple[int, int]]:
    """Change the key; what was told of the progress."""
    told: list[tuple[int, int]] = []
    assert rekey(path, keys, audit_of(path), lambda done, total: told.append((done, total)))
    return told


def names(directory: Path) -> set[str]:
    """What is there."""
    return {each.name for each in directory.iterdir()}


async def fill(path: Path, key: Key | None, rows: int = 40) -> None:
    """Turns, words to find, an audit."""
    async with Database(path, key=key) as db:
        audit = Audit(db, AUDIT_KEY)
        await audit.begin()
        inbox, turns = Inbox(db), Turns(db)

        async def answer(name: str) -> None:
            (row,) = (await inbox.record([event(name, payload="canary " * 50)])).new
            await turns.commit(turn(name, "canary"), destination(), [], [row.id])
            await audit.add(AuditEntry("ann", "test", name))

        await asyncio.gather(*(answer(str(number)) for number in range(rows)))


async def holds(path: Path, key: Key | None, rows: int = 40) -> None:
    """All of it is there, sound, and can be written."""
    async with Database(path, key=key) as db:
        assert (await check(db)).problems == ()
        assert await Turns(db).count() == rows
        assert (await Audit(db, AUDIT_KEY).verify()).faults == ()
        await Inbox(db).record([event("one more")])


@pytest.mark.parametrize("change", CHANGES)
async def test_everything_is_in_the_new_file(tmp_path: Path, change: str) -> None:
    path, (written, keys) = tmp_path / "a.db", CHANGES[change]
    await fill(path, written)
    told = await asyncio.to_thread(rekeyed, path, keys)
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    assert names(tmp_path) == {"a.db", "a.db.lock", "a.audit-anchor"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes().startswith(MAGIC) == (keys.current is None)
    await holds(path, keys.current)
    assert not await asyncio.to_thread(rekey, path, keys, audit_of(path))


async def test_a_file_that_is_open_is_left_alone(tmp_path: Path) -> None:
    path, (written, keys) = tmp_path / "a.db", CHANGES["another"]
    async with Database(path, key=written):
        with pytest.raises(Fenced, match="stop that one"):
            await asyncio.to_thread(rekeyed, path, keys)


async def test_a_key_that_nobody_has(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await fill(path, OLD, rows=1)
    with pytest.raises(WrongKey, match="none of the 2 keys"):
        await asyncio.to_thread(rekeyed, path, Keyring(NEW, (OTHER,)))
    await holds(path, OLD, rows=1)


async def test_damage_is_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await fill(path, OLD)
    with path.open("r+b") as file:
        file.seek(-4096 * 3, 2)
        file.write(bytes(4096 * 2))
    with pytest.raises(Corrupt, match="restore a backup"):
        await asyncio.to_thread(rekeyed, path, Keyring(NEW, (OLD,)))
    assert names(tmp_path) == {"a.db", "a.db.lock", "a.audit-anchor"}


async def test_a_journal_that_stayed_does_not_outlive_the_change(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    connection = Connector(path, NETWORK).open()
    prepare(connection, path)
    for value in ("'canary'", "'other'"):
        connection.exec_driver_sql(f"REPLACE INTO setting VALUES ('about', {value})")
    discard(connection)
    assert b"canary" in path.with_name("a.db-journal").read_bytes()
    await asyncio.to_thread(rekeyed, path, Keyring(NEW))
    assert names(tmp_path) == {"a.db", "a.db.lock"}


async def test_a_log_that_was_left_goes_along(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await fill(path, OLD)
    writer = Connector(path, LOCAL, OLD).open()
    writer.exec_driver_sql("INSERT INTO setting VALUES ('about', 'this')")
    for name in names(tmp_path):
        shutil.copy(tmp_path / name, tmp_path / name.replace("a.", "b.", 1))
    discard(writer)
    copy = tmp_path / "b.db"
    assert copy.with_name("b.db-wal").stat().st_size
    await asyncio.to_thread(rekeyed, copy, Keyring(NEW, (OLD,)))
    async with Database(copy, key=NEW) as db:
        query = "SELECT value FROM setting WHERE key = 'about'"
        assert await db.read(lambda c: c.exec_driver_sql(query).scalar()) == "this"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("change", CHANGES)
async def test_whoever_dies_on_the_way_leaves_a_whole_file(tmp_path: Path, change: str) -> None:
    written, keys = CHANGES[change]
    await fill(tmp_path / "a.db", written)
    program = [sys.executable, "-m", "tests.faults.test_rekey", str(tmp_path), change]
    done = await asyncio.to_thread(
        subprocess.run, program, check=True, timeout=240, stdout=subprocess.PIPE, text=True
    )
    steps = [Path(line) for line in done.stdout.splitlines()]
    assert len(steps) > 3
    found: list[Key | None] = []
    for directory in steps:
        path = directory / "a.db"
        found.append(await asyncio.to_thread(key_of, path, keys))
        if found[-1] == written:
            await asyncio.to_thread(rekeyed, path, keys)
        await holds(path, keys.current)
    assert found == [written] * (len(steps) - 1) + [keys.current]


def _die_at_steps(directory: Path, keys: Keyring) -> None:
    """For each step a copy, and a child that dies at that step of changing its key."""
    last = len(rekeyed(_copy(directory, "whole"), keys))
    some = {last // 2, *range(last - 2, last + 1)}
    for step in range(1, last + 1) if LONG else sorted(some):
        path = _copy(directory, str(step))
        child = os.fork()
        if child == 0:
            _die_at(step, path, keys)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
        print(path.parent)


def _copy(directory: Path, name: str) -> Path:
    place = directory / name
    place.mkdir()
    for file in directory.iterdir():
        if file.is_file():
            shutil.copy(file, place)
    return place / "a.db"


def _die_at(step: int, path: Path, keys: Keyring) -> None:
    steps = itertools.count(1)

    def progress(_done: int, _total: int) -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    rekey(path, keys, audit_of(path), progress)
    os._exit(0)


if __name__ == "__main__":
    _die_at_steps(Path(sys.argv[1]), CHANGES[sys.argv[2]][1])
