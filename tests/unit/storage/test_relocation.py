"""A database moves to another place and back, whole, however often it is interrupted."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from storage.audit import Audit
from storage.backup import check
from storage.beside import Step, unwatched
from storage.database import Database
from storage.filesystem import verdict_of
from storage.former import Formers
from storage.opening import Mode, Place, opened, unopened
from storage.ownership import Ownership
from storage.records import AuditEntry, Fenced, Unavailable
from storage.relocation import Relocation, placed, written_line
from storage.turns import Turns
from storage.verdict import refuse_disk
from tests.unit.storage.values import KEY, NOON, turn

MODES: list[Mode] = ["local", "local-first"]
ENTRY = AuditEntry("boss", "db move")
STEPS = ["read", "announced", "copied", "companions", "noted"]


def place(root: Path, mode: Mode) -> Place:
    path = root / "disk" / "parley.db"
    risk = refuse_disk(verdict_of(path)).risk
    return Place(path, root / "here" / "parley.working.db", mode, risk)


def relocation(former: Place, target: Path, reached: Step = unwatched) -> Relocation:
    return Relocation(former, placed(former, target), None, Audit(unopened(former), KEY), reached)


async def move(former: Place, target: Path, now: datetime = NOON) -> Sequence[Path]:
    return await relocation(former, target).move(ENTRY, now, lambda done, total: None)


async def say(where: Place, *names: str) -> None:
    """A start, and conversations, which nobody audits."""
    async with opened(where) as store:
        await Audit(store.database, KEY).begin()
        for name in names:
            await Turns(store.database).commit(turn(name, name))


class _Stopped(Exception):
    pass


async def interrupted(former: Place, target: Path, last: str) -> None:
    def stop(step: str) -> None:
        if step == last:
            raise _Stopped

    with pytest.raises(_Stopped):
        await relocation(former, target, stop).move(ENTRY, NOON, lambda done, total: None)


async def said(path: Path) -> list[str]:
    async with Database(path) as db:
        assert (await check(db)).problems == ()
        assert await db.read(Audit(db, KEY).faults) == []
        return [each.id for each in await Turns(db).recent("s-ann", 99)]


@pytest.mark.parametrize("mode", MODES)
async def test_there_and_back(tmp_path: Path, mode: Mode) -> None:
    first, target = place(tmp_path, mode), tmp_path / "nas" / "parley.db"
    await say(first, "1")
    secret = first.home.with_suffix(".audit-key")
    secret.write_text("secret")
    await move(first, target)
    second = placed(first, target)
    assert second.home.with_suffix(".audit-key").read_text() == "secret"
    assert await said(target) == ["1"]
    with pytest.raises(Unavailable, match=r"it was moved; write storage\.path = "):
        await say(first, "lost")
    await say(second, "2")
    await move(second, first.path)
    assert await said(first.path) == ["1", "2"]
    await say(placed(second, first.path), "3")
    assert await said(first.path) == ["1", "2", "3"]
    assert len(list(first.path.parent.glob("*.moved-*.db"))) == 1


async def test_again_and_again(tmp_path: Path) -> None:
    """Wherever it was it is refused, but where it is now, and what it left is known."""
    first, second, third = (tmp_path / name for name in ("1/a.db", "2/a.db", "3/b.db"))
    there = Place(first, tmp_path / "here" / "a.working.db", "local")
    await say(there, "0")
    before: set[Path] = set()
    left: list[Path] = []
    for number, target in enumerate([second, third, first], 1):
        before |= {there.path}
        left += await move(there, target, NOON + timedelta(hours=number))
        there = placed(there, target)
        await say(there, str(number))
        for path in before - {target}:
            with pytest.raises(Unavailable, match=r"it was moved; write storage\.path = "):
                await say(placed(there, path), "lost")
    async with opened(there) as store:
        assert [each.id for each in await Turns(store.database).recent("s-ann", 99)] == list("0123")
        formers = Formers(there.path, there.working, store.database)
        assert [each.path for each in await formers.look()] == left
    assert len(left) == 3


_DIE = """
import asyncio, os, pathlib, sys
from tests.unit.storage.test_relocation import ENTRY, NOON, place, relocation

root, mode, last = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
moving = relocation(
    place(root, mode),
    root / "nas" / "parley.db",
    lambda step: os._exit(9) if step == last else None,
)
asyncio.run(moving.move(ENTRY, NOON, lambda done, total: None))
"""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_any_step_it_is_finished_by_doing_it_again(
    tmp_path: Path, mode: Mode, step: str
) -> None:
    first, target = place(tmp_path, mode), tmp_path / "nas" / "parley.db"
    await say(first, "1", "2")
    program = [sys.executable, "-c", _DIE, str(tmp_path), mode, step]
    done = await asyncio.to_thread(subprocess.run, program, timeout=60, check=False)
    assert done.returncode == 9
    between = [] if step == "noted" else ["3"]
    if between:
        await say(first, *between)
        assert await said(first.path) == ["1", "2", "3"]
    await move(first, target)
    assert await said(target) == ["1", "2", *between]
    assert not first.path.exists()
    assert not first.working.exists()


async def test_who_went_on_at_the_target_is_not_overwritten(tmp_path: Path) -> None:
    first, target = place(tmp_path, "local"), tmp_path / "nas" / "parley.db"
    await say(first, "1")
    await interrupted(first, target, "announced")
    await interrupted(first, target, "copied")
    await say(placed(first, target), "there")
    with pytest.raises(Unavailable, match="another file already; move it away"):
        await move(first, target)
    assert await said(target) == ["1", "there"]
    target.unlink()
    await move(first, target)
    assert await said(target) == ["1"]


async def test_nobody_moves_in_beside_the_keys_of_another(tmp_path: Path) -> None:
    first, target = place(tmp_path, "local"), tmp_path / "nas" / "parley.db"
    await say(first, "1")
    first.home.with_suffix(".audit-key").write_text("ours")
    target.parent.mkdir()
    target.with_suffix(".audit-key").write_text("theirs")
    with pytest.raises(Unavailable, match="a key of another bot"):
        await move(first, target)
    assert await said(first.path) == ["1"]
    assert not target.exists()


async def test_a_running_bot_is_not_moved(tmp_path: Path) -> None:
    first = place(tmp_path, "local")
    await say(first, "1")
    with Ownership(first.path), pytest.raises(Fenced, match="another Parley owns it"):
        await move(first, tmp_path / "nas" / "parley.db")
    assert await said(first.path) == ["1"]


def test_a_line_for_the_configuration() -> None:
    assert written_line(Path('/mnt/"nas"/p.db')) == r'storage.path = "/mnt/\"nas\"/p.db"'
