"""Which files were the database before, and until when they are kept."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.beside import BESIDE, keep_beside, remove
from storage.former import KEPT, Formers, former_of
from storage.notice import Notice, notice_file, write_notice
from storage.records import Unavailable
from tests.unit.storage.values import NOON


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("parley.before-20261121T120000Z.db", "parley.db"),
        ("parley.working.moved-20261121T120000Z.db", "parley.working.db"),
        ("parley.before-20261121T120000Z.db-wal", None),
        ("parley.before-20261399T120000Z.db", None),
        ("parley-20261121T120000Z.db", None),
        ("parley.db", None),
    ],
)
def test_names(name: str, of: str | None) -> None:
    found = former_of(Path("/nas") / name)
    assert (found.of.name if found else None) == of
    if found:
        assert found.since == datetime(2026, 11, 21, 12, tzinfo=UTC)
        assert found.due == found.since + KEPT


def step_aside(paths: list[Path], why: str) -> list[Path]:
    kept = keep_beside(paths, why, NOON)
    for path in paths:
        remove(path)
    return kept


def names(directory: Path) -> set[str]:
    return {each.name for each in directory.iterdir()}


async def test_only_ours_are_found_and_go_with_all_that_is_beside(tmp_path: Path) -> None:
    path = tmp_path / "parley.db"
    for name in ("parley.db", "parley.db-wal", "parley.db.lock", "other.db"):
        (tmp_path / name).touch()
    step_aside([path, tmp_path / "other.db"], "before")
    formers = Formers(path, tmp_path / "here" / "parley.working.db")
    (found,) = await formers.look()
    assert found.of == path
    assert all((tmp_path / f"{found.path.name}{end}").exists() for end in BESIDE[:2])
    assert await formers.rotate(NOON) == []
    assert await formers.rotate(NOON + KEPT) == [found]
    assert names(tmp_path) == {"parley.db.lock", "other.before-20260101T120000Z.db"}
    assert formers.known == ()


async def test_one_whose_removal_is_interrupted_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "parley.db"
    for name in ("parley.db", "parley.db-wal", "parley.db.lock"):
        (tmp_path / name).touch()
    step_aside([path], "before")
    formers = Formers(path, tmp_path / "here" / "parley.working.db")
    (found,) = await formers.look()
    log = tmp_path / f"{found.path.name}-wal"
    log.unlink()
    (log / "in the way").mkdir(parents=True)
    with pytest.raises(Unavailable):
        await formers.rotate(NOON + KEPT)
    (log / "in the way").rmdir()
    log.rmdir()
    log.touch()
    assert await formers.rotate(NOON + KEPT) == [found]
    assert names(tmp_path) == {"parley.db.lock"}


async def test_those_of_a_place_that_it_was_moved_from(tmp_path: Path) -> None:
    before, path = tmp_path / "nas" / "parley.db", tmp_path / "disk" / "parley.db"
    working = tmp_path / "here" / "parley.working.db"
    for file in (before, path, working):
        file.parent.mkdir()
        file.touch()
        file.with_name(f"{file.name}.lock").touch()
    write_notice(before, working, Notice(path, "00", is_done=True))
    left = step_aside([before, working], "moved")
    formers = Formers(path, working)
    assert {each.path for each in await formers.look()} == set(left)
    (tmp_path / "nas").rename(tmp_path / "unmounted")
    (tmp_path / "nas").mkdir()
    with pytest.raises(Unavailable, match=f"mount .*, or delete {notice_file(working)}"):
        await formers.look()
