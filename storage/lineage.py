"""PURE. What to do with a working file and the file that it stands for, when they meet.

Each knows a point of a change log: the other file the one it holds, the working file its own log
and the point that it last knew to be copied. The rule never loses a row that only one of them has.
"""

from dataclasses import dataclass
from enum import StrEnum

from storage.changes import Point


class Plan(StrEnum):
    """What to do."""

    FOLLOW = "follow"
    """The other file stands somewhere in the working file's log: copy the rest."""
    BUILD = "build"
    """The working file is missing, or has nothing that the other lacks: make it from the other."""
    FILL = "fill"
    """The other file is empty: copy everything."""
    WAIT = "wait"
    """The other file was there and is not: its mount may be missing."""
    REFUSE = "refuse"
    """Each may hold rows that the other does not; a person has to say which of them goes on."""


@dataclass(frozen=True, slots=True)
class Working:
    """A working file: the last point known to be copied, its newest, and whether its log holds the
    other file's."""

    copied: Point
    last: Point
    holds_other: bool


@dataclass(frozen=True, slots=True)
class Other:
    """The other file, and the point it holds if there ever was a log."""

    exists: bool
    is_empty: bool
    point: Point | None


def plan(working: Working | None, other: Other) -> Plan:
    """The rule."""
    if not other.exists:
        return Plan.FILL if working is None else Plan.WAIT
    if other.is_empty:
        return Plan.FILL
    if working is None:
        return Plan.BUILD
    if working.holds_other:
        return Plan.FOLLOW
    went_on = other.point is not None and other.point.seq > working.last.seq
    return Plan.BUILD if went_on and working.copied == working.last else Plan.REFUSE
