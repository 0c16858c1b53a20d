"""PURE. How long conversations are kept: everywhere, and otherwise in a room or a session.

A place is named by the key that begins the keys of its sessions; the longest that fits decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

FOR_EVER = 0
"""So many days: nothing is ever deleted."""

MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Retention:
    """Days by place; `days` holds where no place fits."""

    days: int = FOR_EVER
    places: Mapping[str, int] = field(default_factory=dict[str, int])

    def of(self, session: str) -> int:
        """The days that a session is kept."""
        fitting = [key for key in self.places if _is_within(session, key)]
        return self.places[max(fitting, key=len)] if fitting else self.days

    def cut(self, session: str, now: datetime) -> datetime | None:
        """What is older goes; None: nothing does."""
        days = self.of(session)
        return None if days == FOR_EVER else now - timedelta(days=days)

    def last_cut(self, now: datetime) -> datetime | None:
        """What is younger stays, wherever it is; None: everything does."""
        found = [days for days in (self.days, *self.places.values()) if days != FOR_EVER]
        return now - timedelta(days=min(found)) if found else None


def _is_within(session: str, place: str) -> bool:
    return session == place or session.startswith(f"{place}:")
