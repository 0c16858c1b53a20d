"""A restore, by kill -9 at every step: nobody starts with half of it, and doing it again ends it.

Run as a program (`python -m tests.faults.test_restore_killed DIRECTORY MODE`), it restores copies
of the house that is there, and dies in each at another step.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from storage.backup import check
from storage.database import Database
from storage.opening import Mode, opened
from storage.records import Unavailable
from storage.turns import Turns
from tests.unit.storage.test_restoring import House, followed, house_in
from tests.unit.storage.values import NOON, turn

LONG = bool(os.environ.get("PARLEY_LONG_FAULTS"))
MODES: list[Mode] = ["local", "local-first"] if LONG else ["local-first"]
STEPS = ["brought", "kept", "bared", "put", "let go"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", MODES)
async def test_whoever_dies_on_the_way_does_it_again(tmp_path: Path, mode: Mode) -> None:
    house = await house_in(tmp_path / "whole", mode=mode)
    async with opened(house.place) as store:
        await Turns(store.database).commit(turn("since"))
        await followed(store)
    program = [sys.executable, "-m", "tests.faults.test_restore_killed", str(tmp_path), mode]
    await asyncio.to_thread(subprocess.run, program, check=True, timeout=600)
    for step in STEPS:
        house = House(tmp_path / step, mode)
        if step == "brought":
            assert await house.known() == []
            assert await said(house.place.path) == ["kept", "since"]
        else:
            with pytest.raises(Unavailable, match=r"copy\.db in its place was interrupted"):
                await house.known()
        await house.restore(now=NOON + timedelta(minutes=1))
        assert await house.known() == []
        assert await said(house.place.path) == ["kept"]
        assert not list(house.root.rglob("*.restored*"))
        former = sorted(house.kept())[0]
        assert await said(former) == ["kept", "since"]


async def said(path: Path) -> list[str]:
    async with Database(path) as db:
        assert (await check(db)).problems == ()
        return [each.id for each in await Turns(db).recent("s-ann", 99)]


def _die_at_steps(root: Path, mode: Mode) -> None:
    """For each step a copy, and a child that dies there."""
    for last in STEPS:
        shutil.copytree(root / "whole", root / last)
        child = os.fork()
        if child == 0:
            _die_at(last, House(root / last, mode))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _die_at(last: str, house: House) -> None:
    def reached(step: str) -> None:
        if step == last:
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(house.restore(reached=reached))
    os._exit(0)


if __name__ == "__main__":
    _die_at_steps(Path(sys.argv[1]), "local" if sys.argv[2] == "local" else "local-first")
