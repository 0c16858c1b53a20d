"""With a key nothing readable is on disk; with another, or none, a file is refused and stays."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from storage import connection
from storage.audit import Audit
from storage.backup import Copies, check
from storage.courier import ChildCourier
from storage.database import Database
from storage.header import PAGE_BYTES
from storage.inbox import Inbox
from storage.key import Key
from storage.pragmas import ALONE, DIRECT, LOCAL, NETWORK, OTHER, Pragmas
from storage.records import Corrupt, StorageError, WrongKey
from storage.spool import Pace, Spool
from tests.unit.storage.canary import holders
from tests.unit.storage.values import event

KEY, OTHER_KEY = Key("1f" * 32), Key("2e" * 32)
MEMORY = 2
"""sqlite.org/pragma.html, "PRAGMA temp_store"."""
CANARY = "canary-of-the-mine"
QUICK = Pace(pause_s=0.01, silence_s=60, first_retry_s=0.05, longest_retry_s=0.05)


def told_of(pid: int) -> str:
    """What everybody on the machine is told of a process."""
    files = (Path(f"/proc/{pid}/{name}") for name in ("cmdline", "environ"))
    return "".join(file.read_text("utf-8", "replace") for file in files)


async def say(db: Database, *names: str) -> None:
    await Inbox(db).record([event(name, payload=CANARY) for name in names])


async def said(db: Database) -> set[str]:
    return {row.event.event_id for row in await Inbox(db).pending()}


@pytest.mark.parametrize("key", [KEY, None])
@pytest.mark.parametrize("pragmas", [LOCAL, DIRECT], ids=str)
async def test_a_file_and_its_journals_and_copies(
    tmp_path: Path, pragmas: Pragmas, key: Key | None
) -> None:
    async with Database(tmp_path / "a.db", key=key, pragmas=pragmas) as db:
        await say(db, "1")
        await Copies(db, Audit(db, b""), tmp_path).give(tmp_path / "copy.db")
        await say(db, "2")
        while_open = holders(tmp_path, CANARY)
    async with Database(tmp_path / "copy.db", key=key) as copy:
        assert await said(copy) == {"1"}
        result = await check(copy)
        assert (result.problems, result.size_bytes) == ((), copy.path.stat().st_size)
    after = holders(tmp_path, CANARY)
    if key:
        assert while_open | after == set()
    else:
        assert {"copy.db"} <= while_open
        assert {"a.db", "copy.db"} <= after


def test_one_door_opens_databases_and_keeps_what_is_temporary_in_memory(tmp_path: Path) -> None:
    storage = Path(connection.__file__).parent
    doors = [path for path in storage.rglob("*.py") if "driver.connect(" in path.read_text()]
    assert [path.name for path in doors] == ["connection.py"]
    path = tmp_path / "a.db"
    path.touch()
    for pragmas in (LOCAL, NETWORK, DIRECT, OTHER, ALONE):
        opened = connection.Connector(path, pragmas, KEY).open()
        assert opened.exec_driver_sql("PRAGMA temp_store").scalar() == MEMORY
        connection.discard(opened)


async def test_local_first_encrypts_both_files(tmp_path: Path) -> None:
    working, other = tmp_path / "here" / "w.db", tmp_path / "nas" / "o.db"
    for name in ("first", "second"):
        async with (
            ChildCourier(working, other, 60, key=KEY) as courier,
            Spool.open(courier, pace=QUICK, key=KEY) as spool,
        ):
            assert courier.pid
            assert KEY.digits not in await asyncio.to_thread(told_of, courier.pid)
            await say(spool.database, name)
            async with asyncio.timeout(60):
                while (await spool.condition()).waiting:
                    await asyncio.sleep(0.01)
        for path in working.parent.glob("w.db*"):
            path.unlink()  # so that the second is built from the file on the NAS
        assert holders(tmp_path, CANARY) == set()
    async with Database(other, key=KEY) as db:
        assert await said(db) == {"first", "second"}


async def refusal(path: Path, key: Key | None) -> StorageError:
    """What opening says; and every file stays as it is."""
    before = await asyncio.to_thread(contents, path.parent)
    with pytest.raises(StorageError) as caught:
        await Database(path, key=key).__aenter__()
    assert await asyncio.to_thread(contents, path.parent) == before
    return caught.value


def contents(directory: Path) -> dict[str, bytes]:
    """What all files but locks hold."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.suffix != ".lock"}


@pytest.mark.parametrize(
    ("written_with", "opened_with", "told"),
    [
        (KEY, OTHER_KEY, "is not the one that it is encrypted with"),
        (KEY, None, "storage.key_file"),
        (None, KEY, "parley db rekey"),
    ],
)
async def test_a_wrong_key_is_named_as_such(
    tmp_path: Path, written_with: Key | None, opened_with: Key | None, told: str
) -> None:
    path = tmp_path / "a.db"
    async with Database(path, key=written_with) as db:
        await say(db, "1")
    error = await refusal(path, opened_with)
    assert isinstance(error, WrongKey)
    assert told in str(error)
    assert str(path) in str(error)
    async with Database(path, key=written_with) as db:
        assert await said(db) == {"1"}


@pytest.mark.parametrize("key", [KEY, None])
async def test_what_is_no_database_is_not_a_matter_of_keys(tmp_path: Path, key: Key | None) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"GGUF" * 4000)
    assert isinstance(await refusal(path, key), Corrupt)


_DIE_WITH_A_LOG = """
import asyncio, os, pathlib, sys
from storage.database import Database
from storage.key import Key
from tests.unit.storage.test_encryption import KEY, say

async def main():
    async with Database(pathlib.Path(sys.argv[1]), key=KEY) as db:
        await say(db, "1", "2")
        os._exit(0)

asyncio.run(main())
"""


async def test_a_wrong_key_leaves_a_log_that_waits_to_be_recovered(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    program = [sys.executable, "-c", _DIE_WITH_A_LOG, str(path)]
    await asyncio.to_thread(subprocess.run, program, check=True, timeout=60)
    assert path.with_name("a.db-wal").stat().st_size > 0
    for key in (OTHER_KEY, None):
        with pytest.raises(WrongKey):
            await Database(path, key=key).__aenter__()
    async with Database(path, key=KEY) as db:
        assert await said(db) == {"1", "2"}


async def test_damage_in_an_encrypted_file_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with Database(path, key=KEY):
        pass
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(PAGE_BYTES)
        file.write(bytes(size - PAGE_BYTES))
    assert isinstance(await refusal(path, KEY), Corrupt)
