"""Which backups stay, what their names say, and when the next one is due."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.rotation import Backup, Rotation, due, named

START = datetime(2026, 1, 1, 3, 30, tzinfo=UTC)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)
backups = st.builds(Backup, st.just("parley"), moments, st.integers(0, 9))


def taken(*days: int) -> list[Backup]:
    return [Backup("parley", START + timedelta(days=day)) for day in days]


@pytest.mark.parametrize(
    ("days", "stay"),
    [
        ([], []),
        ([0], [0]),
        (range(7), [6, 5, 4, 3, 2, 1, 0]),
        (range(9), [8, 7, 6, 5, 4, 3, 2]),  # of the first week, the day before the second
        (range(0, 400, 100), [300, 200, 100, 0]),  # a bot that seldom runs loses none
        (
            range(300),  # until 27 October, a Tuesday
            [299, 298, 297, 296, 295, 294, 293, 290, 283, 272, 242, 211, 180, 150],
        ),
    ],
)
def test_days_weeks_and_months_stay(days: list[int], stay: list[int]) -> None:
    assert Rotation().kept(taken(*days)) == taken(*stay)


def test_a_year_of_daily_rotation_leaves_what_one_rotation_would() -> None:
    there: list[Backup] = []
    for day in range(366):
        there = Rotation().kept([*there, *taken(day)])
    assert there == Rotation().kept(taken(*range(366)))


@given(st.sets(backups, max_size=40))
def test_the_newest_stays_and_no_more_than_asked_for(found: set[Backup]) -> None:
    kept = Rotation().kept(found)
    assert set(kept) <= found
    assert len(kept) <= 7 + 4 + 6 + 1
    assert Rotation().kept(kept) == kept
    if found:
        assert kept[0].taken == max(each.taken for each in found)


@given(backups)
def test_a_name_says_everything(backup: Backup) -> None:
    assert named(backup.name) == backup


@pytest.mark.parametrize(
    "name", ["parley.db", "parley-20261399T000000Z.db", ".parley-20260101T000000Z.db.part", "x.txt"]
)
def test_other_files_are_no_backups(name: str) -> None:
    assert named(name) is None


AT = time(3, 30)
NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "when"),
    [
        (None, NOON),
        (NOON - timedelta(days=3), NOON),
        (NOON.replace(hour=3, minute=29), NOON),
        (NOON.replace(hour=3, minute=30), NOON.replace(hour=3, minute=30) + timedelta(days=1)),
        (NOON, NOON.replace(hour=3, minute=30) + timedelta(days=1)),
    ],
)
def test_a_day_without_a_backup_is_made_up_for(last: datetime | None, when: datetime) -> None:
    assert due(AT, last, NOON) == when


@given(st.times(), moments, moments)
def test_one_is_due_within_a_day(at: time, last: datetime, now: datetime) -> None:
    assert now <= due(at, last, now) <= now + timedelta(days=1)
    assert due(at, now, now) > now
