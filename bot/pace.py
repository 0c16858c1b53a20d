"""PURE. When a platform may be called next: in one chat, and over all of them.

A pace is a generic cell rate algorithm (ITU-T I.371): so many calls a minute on average, some of
them at once. Times are seconds of any one clock that does not go back.
"""

from dataclasses import dataclass

from adapters.base import Limits


class Pace:
    """`per_minute` calls on average (0: no bound), `burst` of them at once."""

    def __init__(self, per_minute: int, burst: int) -> None:
        self._interval_s = 60 / per_minute if per_minute else 0.0
        self._burst = max(1, burst)
        self._due = 0.0

    def wait_s(self, now: float, *, spare: bool = False) -> float:
        """Seconds until a call would be in time; `spare` leaves half of the burst to others."""
        at_once = (self._burst + 1) // 2 if spare else self._burst
        return max(0.0, self._due - (at_once - 1) * self._interval_s - now)

    def take(self, now: float) -> float:
        """Take a place; the seconds until it comes."""
        wait_s = self.wait_s(now)
        self._due = max(self._due, now) + self._interval_s
        return wait_s


@dataclass(frozen=True, slots=True)
class Paces:
    """The paces that one kind of call keeps together."""

    kept: tuple[Pace, ...]

    def wait_s(self, now: float, *, spare: bool = False) -> float:
        """As `Pace.wait_s`: until all of them would let the call pass."""
        return max(pace.wait_s(now, spare=spare) for pace in self.kept)

    def take(self, now: float) -> float:
        """As `Pace.take`, of all of them."""
        return max(pace.take(now) for pace in self.kept)


class Traffic:
    """The calls to one platform: what all chats share, and from it the paces of each chat."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._all_sends = Pace(limits.all_sends_per_minute, limits.burst)
        self._all_edits = Pace(limits.all_edits_per_minute, limits.burst)

    def in_chat(self, *, direct: bool) -> tuple[Paces, Paces]:
        """The paces of sends and of edits in one chat; one object where an edit is a send."""
        limits = self._limits
        per_minute = limits.sends_per_minute
        if not direct and limits.room_sends_per_minute:
            per_minute = limits.room_sends_per_minute
        sends = Paces((Pace(per_minute, limits.burst), self._all_sends))
        if limits.edits_are_sends:
            return sends, sends
        return sends, Paces((Pace(limits.edits_per_minute, limits.burst), self._all_edits))


FIRST_EDIT_S = 1.0
EDIT_GROWTH = 1.7
"""Where edits of a message are few, each preview waits longer than the one before: ten cover an
answer of two minutes, and a short one still moves at once."""
KEPT_EDITS = 2
"""Edits that no preview takes: the final text's, and one to repeat it."""


def pause_before_edit_s(edits: int, limits: Limits) -> float | None:
    """Seconds between a message's last change and its next preview; None: no more previews."""
    if not limits.max_edits:
        return 0.0
    if edits >= limits.max_edits - KEPT_EDITS:
        return None
    return FIRST_EDIT_S * EDIT_GROWTH**edits
