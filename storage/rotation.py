"""PURE. Which backups of a directory stay, and what a backup's name says of it.

Newest first: one a day, one a week (ISO 8601), one a month, each for so many that there are, so
that a bot that was off for a month loses nothing by it. Deleting is `vault.py`'s business.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

_NAME = re.compile(r"(?P<stem>.+)-(?P<taken>\d{8}T\d{6}Z)(?:-e(?P<through>\d+))?\.db")
_MOMENT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup in the directory. `through`: the last erasure it holds (0: none), see `erasure`."""

    stem: str
    taken: datetime
    through: int = 0

    @property
    def name(self) -> str:
        """The file's name, which says all of this."""
        erased = f"-e{self.through}" if self.through else ""
        return f"{self.stem}-{self.taken:{_MOMENT}}{erased}.db"

    def cleaned(self, through: int) -> "Backup":
        """The same, with more erased from it."""
        return replace(self, through=through)


def named(name: str) -> Backup | None:
    """The backup that a file's name tells of; None for a file that is none."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        taken = datetime.strptime(found["taken"], _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Backup(found["stem"], taken, int(found["through"] or 0))


@dataclass(frozen=True, slots=True)
class Rotation:
    """How many days, weeks and months keep a backup."""

    daily: int = 7
    weekly: int = 4
    monthly: int = 6

    def kept(self, backups: Iterable[Backup]) -> list[Backup]:
        """Those that stay, the newest first; the newest always does."""
        newest_first = sorted(backups, key=lambda each: (each.taken, each.through), reverse=True)
        chosen = {
            *newest_first[:1],
            *_newest_each(newest_first, _day, self.daily),
            *_newest_each(newest_first, _week, self.weekly),
            *_newest_each(newest_first, _month, self.monthly),
        }
        return [each for each in newest_first if each in chosen]


def due(at: time, last: datetime | None, now: datetime) -> datetime:
    """When the next backup is due, the time of day being meant in `now`'s zone.

    A day that passed without one is made up for at once.
    """
    today = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    latest = today if today <= now else today - timedelta(days=1)
    return latest + timedelta(days=1) if last is not None and last >= latest else now


Period = tuple[int, ...]


def _newest_each(
    newest_first: Sequence[Backup], period: Callable[[datetime], Period], most: int
) -> list[Backup]:
    found: dict[Period, Backup] = {}
    for each in newest_first:
        found.setdefault(period(each.taken), each)
    return list(found.values())[:most]


def _day(moment: datetime) -> Period:
    return (moment.toordinal(),)


def _week(moment: datetime) -> Period:
    return tuple(moment.isocalendar())[:2]


def _month(moment: datetime) -> Period:
    return (moment.year, moment.month)
