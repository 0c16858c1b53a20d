"""PURE. Who may act on a file that several bots share, and when: the rules of its lease.

The lease is a row in the file (`lease.py`). Whoever has it counts a beat with each commit; the
others watch the beat. No two clocks are compared: each instance measures by its own how long it has
seen no new beat, or how long ago the last of its own began.

A holder acts until 0.6 × the time to live after the beginning of its last commit; others wait for
the whole of it after they first saw that beat, which was later. So nobody overlaps as long as no
clock runs faster than another by the factor 1 / 0.6.
"""

from dataclasses import dataclass
from enum import StrEnum

STOP_AFTER = 0.6
"""The share of the time to live for which a holder acts without a commit."""
BEATS = 6
"""Beats in a time to live; each commit is one, and an idle holder commits for its sake."""
LOOKS = 10
"""Looks of a watcher in a time to live, and one more when that is over."""
LEAST_REST_S = 0.001


@dataclass(frozen=True, slots=True)
class Grip:
    """The lease as it stands in the file; `holder` is empty once it was given up.

    `epoch` grows by one whenever somebody takes it, `beat` with each commit of the holder's.
    `label` names the holder to people, `ttl_s` is the holder's time to live.
    """

    epoch: int
    holder: str
    label: str
    beat: int
    ttl_s: float


@dataclass(frozen=True, slots=True)
class Watch:
    """What one instance saw last, and since when, on its own clock, it has not changed."""

    grip: Grip | None = None
    since_s: float = 0.0

    def seeing(self, grip: Grip | None, now_s: float) -> "Watch":
        """The watch after another look."""
        return self if grip is not None and grip == self.grip else Watch(grip, now_s)

    def silent_s(self, now_s: float) -> float:
        """How long no beat came."""
        return now_s - self.since_s


class Standing(StrEnum):
    """How the lease stands to one instance."""

    FREE = "free"
    """Nobody has it."""
    OWN = "own"
    """An earlier process of the same instance had it, and is dead."""
    HELD = "held"
    """Another has it, or this one gave it up just now for another to take."""
    STALE = "stale"
    """Another has it and sent no beat for its time to live."""


class Wish(StrEnum):
    """What a person asked this instance to do."""

    NONE = "none"
    TAKE = "take"
    """Take the lease if its holder is silent."""
    FORCE = "force"
    """Take it whatever its holder does."""


@dataclass(frozen=True, slots=True)
class Terms:
    """One instance's part in the lease: its id, its time to live, whether it takes over by itself.

    `yielded` is the last epoch that it gave up for another; 0: none.
    """

    me: str
    ttl_s: float
    automatic: bool
    yielded: int = 0


def standing(terms: Terms, watch: Watch, now_s: float) -> Standing:
    """How the lease stands, as far as was seen."""
    grip = watch.grip
    if grip is None:
        return Standing.FREE
    if grip.holder == terms.me:
        return Standing.OWN
    is_silent = watch.silent_s(now_s) > max(terms.ttl_s, grip.ttl_s)
    if not grip.holder:
        return Standing.FREE if is_silent or grip.epoch != terms.yielded else Standing.HELD
    return Standing.STALE if is_silent else Standing.HELD


def rest_s(terms: Terms, watch: Watch, now_s: float) -> float:
    """How long a watcher rests: until its next look is due, or the holder's time is over."""
    usual_s = terms.ttl_s / LOOKS
    if watch.grip is None:
        return usual_s
    left_s = max(terms.ttl_s, watch.grip.ttl_s) - watch.silent_s(now_s)
    return min(usual_s, left_s + LEAST_REST_S) if left_s >= 0 else usual_s


def may_take(standing: Standing, wish: Wish, *, automatic: bool) -> bool:
    """Whether to take the lease now."""
    match standing:
        case Standing.FREE | Standing.OWN:
            return True
        case Standing.STALE:
            return automatic or wish is not Wish.NONE
        case Standing.HELD:
            return wish is Wish.FORCE


def acts_until(began_s: float, ttl_s: float) -> float:
    """When a holder stops whose last commit began then."""
    return began_s + STOP_AFTER * ttl_s
