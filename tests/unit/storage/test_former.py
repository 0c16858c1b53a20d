"""Which files were the database before, and until when they are kept."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.beside import BESIDE, keep_beside, remove
from storage.database import Database
from storage.former import KEPT, Formers, former_of
from storage.former_paths import FormerPaths, note
from storage.records import Unavailable
from tests.unit.storage.values import NOON


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("parley.before-20261121T120000Z.db", "parley.db"),
        ("parley.working.moved-20261121T120000Z.db", "parley.working.db"),
        ("parley.before-20261121T120000Z.db-wal", None),
        (".parley.before-20261121T120000Z.db.part", "parley.db"),
        (".parley.moved-20261121T120000Z.db-wal.part", "parley.db"),
        (".parley.db.part", None),
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


ENDS = ("", "-wal")


def step_aside(paths: list[Path], why: str) -> list[Path]:
    kept = keep_beside(paths, why, NOON)
    for path in paths:
        remove(path)
    return kept


def names(directory: Path) -> set[str]:
    return {each.name for each in directory.iterdir()}


@pytest.fixture
async def db(tmp_path: Path) -> AsyncGenerator[Database]:
    """What knows where it was; its own file does not matter here."""
    async with Database(tmp_path / "knows" / "parley.db") as database:
        yield database


async def leave(db: Database, *paths: Path) -> None:
    await db.write(lambda connection: note(connection, paths))


def stand(*paths: Path) -> None:
    """A file that was opened: its lock stays."""
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.touch()
        path.with_name(f"{path.name}.lock").touch()


async def test_only_ours_are_found_and_go_with_all_that_is_beside(
    tmp_path: Path, db: Database
) -> None:
    path = tmp_path / "nas" / "parley.db"
    stand(path)
    for name in ("parley.db-wal", "other.db"):
        path.with_name(name).touch()
    step_aside([path, path.with_name("other.db")], "before")
    formers = Formers(path, tmp_path / "here" / "parley.working.db", db)
    (found,) = await formers.look()
    assert found.of == path
    assert all(path.with_name(f"{found.path.name}{end}").exists() for end in BESIDE[:2])
    assert await formers.rotate(NOON) == []
    assert await formers.rotate(NOON + KEPT) == [found]
    assert names(path.parent) == {"parley.db.lock", "other.before-20260101T120000Z.db"}
    assert formers.known == ()


async def test_one_whose_removal_is_interrupted_is_found_again(
    tmp_path: Path, db: Database
) -> None:
    path = tmp_path / "nas" / "parley.db"
    stand(path)
    path.with_name("parley.db-wal").touch()
    step_aside([path], "before")
    formers = Formers(path, tmp_path / "here" / "parley.working.db", db)
    (found,) = await formers.look()
    log = path.with_name(f"{found.path.name}-wal")
    log.unlink()
    (log / "in the way").mkdir(parents=True)
    with pytest.raises(Unavailable):
        await formers.rotate(NOON + KEPT)
    (log / "in the way").rmdir()
    log.rmdir()
    log.touch()
    assert await formers.rotate(NOON + KEPT) == [found]
    assert names(path.parent) == {"parley.db.lock"}


async def test_a_copy_whose_maker_was_killed_goes_too(tmp_path: Path, db: Database) -> None:
    path = tmp_path / "nas" / "parley.db"
    stand(path)
    parts = [path.with_name(f".parley.before-{NOON:%Y%m%dT%H%M%SZ}.db{end}.part") for end in ENDS]
    for part in parts:
        part.touch()
    formers = Formers(path, tmp_path / "here" / "parley.working.db", db)
    assert {each.path for each in await formers.rotate(NOON + KEPT)} == set(parts)
    assert names(path.parent) == {"parley.db", "parley.db.lock"}


async def test_those_of_every_place_that_it_was_moved_from(tmp_path: Path, db: Database) -> None:
    first, second, path = (tmp_path / name / "parley.db" for name in ("disk", "nas", "new"))
    working = tmp_path / "here" / "parley.working.db"
    stand(first, second, path, working)
    await leave(db, first)
    await leave(db, second, working)
    left = step_aside([first, second, working], "moved")
    formers = Formers(path, working, db)
    assert {each.path for each in await formers.look()} == set(left)
    assert {each.path for each in await formers.rotate(NOON + KEPT)} == set(left)
    assert await formers.rotate(NOON + KEPT) == []
    assert await FormerPaths(db).known() == [working]  # its own, of which there may be more


async def test_while_a_place_is_away_those_of_the_others_go(tmp_path: Path, db: Database) -> None:
    first, second, path = (tmp_path / name / "parley.db" for name in ("disk", "nas", "new"))
    working = tmp_path / "here" / "parley.working.db"
    stand(first, second, path)
    await leave(db, first)
    await leave(db, second)
    there, away = step_aside([first, second], "moved")
    second.parent.rename(tmp_path / "unmounted")
    second.parent.mkdir()
    formers = Formers(path, working, db)
    with pytest.raises(Unavailable, match=f"mount .*, make an empty file {second}.lock"):
        await formers.look()
    assert [each.path for each in formers.known] == [there]
    with pytest.raises(Unavailable, match="it is away"):
        await formers.rotate(NOON + KEPT)
    assert not there.exists()
    second.parent.rmdir()
    (tmp_path / "unmounted").rename(second.parent)
    assert [each.path for each in await formers.rotate(NOON + KEPT)] == [away]


async def test_a_place_is_forgotten_when_nothing_of_it_is_left(
    tmp_path: Path, db: Database
) -> None:
    former, gone, path = (tmp_path / name / "parley.db" for name in ("disk", "gone", "new"))
    stand(former, path)
    await leave(db, former, gone)
    formers, paths = Formers(path, tmp_path / "parley.working.db", db), FormerPaths(db)
    with pytest.raises(Unavailable, match=str(gone.parent)):
        await formers.rotate(NOON)
    assert await paths.known() == [former, gone]  # whoever moved it was killed before it went aside
    former.unlink()
    stand(gone)
    gone.unlink()
    assert await formers.rotate(NOON) == []
    assert await paths.known() == []
