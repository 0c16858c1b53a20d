"""How much of a day somebody may take, and took: messages and seconds of computing.

A day is UTC's. What was taken is counted in the commit of its answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial

from bot.access import Role
from bot.change import Change
from bot.sections import Access
from storage.clock import Clock
from storage.records import AuditEntry, Quota, Spent
from storage.roster import RosterStore, spending_of


@dataclass(slots=True)
class Quotas:
    """Bounds and what was taken. `settings` are the configuration's, for who has no own bounds."""

    store: RosterStore
    settings: Access
    now: Clock
    _own: dict[str, Quota] = field(default_factory=dict[str, Quota])
    _day: date = date.min
    _spent: dict[str, Spent] = field(default_factory=dict[str, Spent])

    def load(self, own: Mapping[str, Quota], spent: Mapping[date, Mapping[str, Spent]]) -> None:
        """Take in what is on disk: bounds, and what was `spent` of today and of tomorrow."""
        self._own = dict(own)
        self._day = self.now().date()
        tomorrow = self._day + timedelta(days=1)
        if spent.get(tomorrow):  # the clock was set back
            self._day = tomorrow
        self._spent = dict(spent.get(self._day, {}))

    def forget(self, person: str) -> None:
        """What was erased on disk is gone from memory too."""
        self._own.pop(person, None)
        self._spent.pop(person, None)

    def bounds(self, person: str, role: Role) -> Quota:
        """What somebody may take of a day; 0 for no bound."""
        return self.filled(self._own.get(person), role)

    def filled(self, own: Quota | None, role: Role) -> Quota:
        """What somebody with these bounds of their own may take."""
        own = own or Quota()
        settings = self.settings
        messages = (
            settings.guest_messages_per_day if role is Role.GUEST else settings.messages_per_day
        )
        return Quota(
            messages if own.messages is None else own.messages,
            settings.compute_s_per_day if own.seconds is None else own.seconds,
        )

    def are_spent(self, person: str, role: Role) -> bool:
        """Whether somebody took all that they may take of this day."""
        self._turn_day()
        spent, bounds = self.spent(person), self.bounds(person, role)
        is_told_enough = bounds.messages and spent.messages >= bounds.messages
        return bool(
            is_told_enough or (bounds.seconds and spent.compute_ms >= bounds.seconds * 1000)
        )

    def hours_left(self) -> int:
        """Hours until the next day opens all quotas."""
        self._turn_day()
        tomorrow = datetime.combine(self._day + timedelta(days=1), datetime.min.time(), UTC)
        return max(1, round((tomorrow - self.now()).total_seconds() / 3600))

    def charge(self, person: str, taken: Spent) -> Change:
        """Count what an answer took, in its commit."""
        self._turn_day()
        step = spending_of(person, self._day.isoformat(), taken)
        return Change((step,), partial(self._charged, person, taken))

    def _charged(self, person: str, taken: Spent) -> None:
        before = self.spent(person)
        messages = before.messages + taken.messages
        self._spent[person] = Spent(messages, before.compute_ms + taken.compute_ms)

    def spent(self, person: str) -> Spent:
        """What somebody took of this day."""
        return self._spent.get(person, Spent())

    def today(self) -> dict[str, Spent]:
        """What everybody took of this day."""
        self._turn_day()
        return dict(self._spent)

    def set(self, person: str, bounds: Quota | None, entry: AuditEntry) -> Change:
        """Give somebody bounds of their own, or take them."""
        step = self.store.bounding(person, bounds, entry)
        if bounds is None:
            return Change((step,), partial(self._own.pop, person, None))
        return Change((step,), partial(self._own.__setitem__, person, bounds))

    def _turn_day(self) -> None:
        """A new day opens all quotas; a clock that is set back reopens none.

        Set back by days, it was wrong before: what was taken counts for the present day.
        """
        day = self.now().date()
        if day > self._day:
            self._day, self._spent = day, {}
        elif self._day - day > timedelta(days=1):
            self._day = day
