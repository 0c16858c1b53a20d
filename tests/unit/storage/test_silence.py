"""Local-first: a NAS that is slow, hangs or is gone for a while holds nobody up."""

import asyncio
import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage.beside import remove
from storage.ownership import Ownership
from storage.records import Fenced, Silent, StorageError
from storage.spool import Spool
from storage.turns import Turns
from tests.unit.storage.spooling import (
    QUICK,
    Near,
    Pair,
    converse,
    copied,
    degraded,
    rows,
    until,
)


class Busy(Near):
    """Silent when it is asked something for the first time."""

    def __init__(self, working: Path, other: Path) -> None:
        super().__init__(working, other)
        self._asked: set[str] = set()

    async def ask(self, do: str, **request: object) -> Mapping[str, Any]:
        if do not in self._asked:
            self._asked.add(do)
            raise Silent("no sign")
        return await super().ask(do, **request)


class Hung(Near):
    """Silent for ever."""

    async def ask(self, do: str, **request: object) -> Mapping[str, Any]:
        raise Silent("no sign")


class Struck(Near):
    """Killed in its silence, it owns its file a little longer."""

    def __init__(self, working: Path, other: Path) -> None:
        super().__init__(working, other)
        self._faults: list[StorageError] = [Silent("no sign"), Fenced("owned"), Fenced("owned")]

    async def ask(self, do: str, **request: object) -> Mapping[str, Any]:
        if self._faults:
            raise self._faults.pop(0)
        return await super().ask(do, **request)


class Stuck(Near):
    """Never done with bringing over what was written."""

    def __init__(self, working: Path, other: Path) -> None:
        super().__init__(working, other)
        self.begun, self.left = asyncio.Event(), asyncio.Event()

    async def ask(self, do: str, **request: object) -> Mapping[str, Any]:
        if do != "apply":
            return await super().ask(do, **request)
        self.begun.set()
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            self.left.set()


async def test_whoever_is_cancelled_during_the_last_copy_leaves_none_behind(pair: Pair) -> None:
    stuck = Stuck(pair.working, pair.other)

    async def visit() -> None:
        async with Spool.open(stuck, pace=QUICK) as spool:
            await converse(spool.database, "1")
            await stuck.begun.wait()
            asyncio.get_running_loop().call_soon(visiting.cancel)

    visiting = asyncio.create_task(visit())
    with pytest.raises(asyncio.CancelledError):
        await visiting
    stuck.applier.close()
    assert stuck.left.is_set()


async def test_writes_go_on_while_the_applier_hangs(pair: Pair) -> None:
    async with pair.apart(silence_s=8) as (spool, courier):
        await converse(spool.database, "1")
        await until(lambda: copied(spool))
        assert courier.pid
        os.kill(courier.pid, signal.SIGSTOP)
        await converse(spool.database, "2")
        await until(lambda: degraded(spool))
        condition = await spool.condition()
        assert condition.waiting > 0
        assert "does not answer" in condition.reason
        await until(lambda: copied(spool))
    assert rows(pair.other) == rows(pair.working)


async def test_a_killed_applier_is_replaced(pair: Pair) -> None:
    async with pair.apart(silence_s=20) as (spool, courier):
        for number in range(3):
            await converse(spool.database, str(number))
            await until(lambda: copied(spool))
            assert courier.pid
            os.kill(courier.pid, signal.SIGKILL)
        await until(lambda: copied(spool))
    assert rows(pair.other) == rows(pair.working)


async def test_without_a_working_file_a_silent_nas_is_waited_for(pair: Pair) -> None:
    """A busy machine may not let the applier come to a word in the usual time."""
    async with pair.open() as spool:
        await converse(spool.database, "1")
    remove(pair.working)
    async with pair.open(Busy) as spool:
        assert await Turns(spool.database).count() == 1
        assert (await spool.condition()).state == "copying"


async def test_and_with_one_it_is_not_but_until_it_is_there(pair: Pair) -> None:
    async with pair.open():
        pass
    async with pair.open(Busy) as spool:
        assert (await spool.condition()).state == "degraded"
        await until(lambda: copied(spool))


async def test_so_is_one_that_has_nothing_yet(pair: Pair) -> None:
    async with pair.open(Busy) as spool:
        await converse(spool.database, "1")
        await until(lambda: copied(spool))
    assert rows(pair.other) == rows(pair.working)


async def test_so_is_what_was_killed_in_its_silence(pair: Pair) -> None:
    struck = Struck(pair.working, pair.other)
    async with Spool.open(struck, pace=replace(QUICK, silence_s=0)) as spool:
        assert (await spool.condition()).state == "copying"
    struck.applier.close()


async def test_a_first_start_that_fails_leaves_nothing_here(pair: Pair) -> None:
    """Or the next would miss a file on the NAS that never was."""
    pair.other.parent.mkdir(exist_ok=True)
    with Ownership(pair.other), pytest.raises(Fenced):
        async with Spool.open(Near(pair.working, pair.other), pace=replace(QUICK, silence_s=0)):
            pass
    async with pair.open() as spool:
        assert (await spool.condition()).state == "copying"


async def test_and_only_for_so_long(pair: Pair) -> None:
    with pytest.raises(Silent):
        async with Spool.open(Hung(pair.working, pair.other), pace=replace(QUICK, opening_s=0)):
            pass


async def test_a_missing_mount_is_waited_for(pair: Pair) -> None:
    async with pair.open() as spool:
        await converse(spool.database, "1")
    mounted = pair.other.parent
    away = mounted.rename(mounted.with_name("away"))
    mounted.mkdir()
    async with pair.open() as spool:
        condition = await spool.condition()
        assert condition.state == "degraded"
        assert "is not there, but was" in condition.reason
        await converse(spool.database, "2")
        assert not pair.other.exists()
        for leftover in mounted.iterdir():
            leftover.unlink()
        mounted.rmdir()
        away.rename(mounted)
        await until(lambda: copied(spool))
    assert rows(pair.other) == rows(pair.working)
