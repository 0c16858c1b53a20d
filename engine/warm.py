"""Prefixes of windows that slid, made ready before their next message comes.

Done between steps that somebody waits for, never instead of one: a shift costs next to nothing and
is done at once, an exact prefix is computed in chunks while nobody else wants the model. A session
whose sequence is taken meanwhile just loses what was begun.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from engine.base import Slide
from engine.kvcache import Ledger
from engine.machine import Machine, Row
from engine.prefix import common_prefix
from engine.slide import MOST_SHIFTS, Cut, cut_for

SESSIONS_KEPT = 1024


@dataclass(slots=True)
class _Slid:
    """A window that slid: the tokens its next prompt begins with, and how they come to be there;
    `enough` of them are there if nothing comes between."""

    wanted: list[int]
    how: Slide
    sequence: int | None
    enough: int


class Warmer:
    """The windows that slid, of one model."""

    def __init__(self, model: Machine, ledger: Ledger) -> None:
        self._model = model
        self._ledger = ledger
        self._slid: OrderedDict[str, _Slid] = OrderedDict()
        self._shifts: dict[str, int] = {}

    @property
    def busy(self) -> bool:
        """Whether a prefix is to be computed."""
        return any(each.sequence is not None for each in self._slid.values())

    def prepare(self, session: str, wanted: list[int], spare_tokens: int) -> None:
        """A session's window slid. `spare_tokens` may be computed in time nobody else wants."""
        sequence = self._ledger.resident(session)
        held = self._ledger.tokens(sequence) if sequence is not None else ()
        kept = common_prefix(held, wanted)
        if kept == min(len(held), len(wanted)) and held:
            return  # it had not slid
        self._slid[session] = _Slid(wanted, "refilled", sequence, enough=len(wanted) - 1)
        if sequence is not None:
            self._slide(session, sequence, wanted, exact=len(wanted) - kept <= spare_tokens)
        while len(self._slid) > SESSIONS_KEPT:
            self.forget(next(iter(self._slid)))

    def rows(self, tokens: int) -> list[Row]:
        """A chunk of the next prefix that is missing, to be computed now."""
        for each in self._slid.values():
            sequence = self._missing(each)
            if sequence is not None:
                start = len(self._ledger.tokens(sequence))
                chunk = each.wanted[start : start + tokens]
                return [
                    Row(token, start + i, sequence, wanted=False) for i, token in enumerate(chunk)
                ]
        return []

    def settle(self, session: str, reused: int) -> Slide:
        """The session's next prompt came, and began with `reused` tokens that were there."""
        slid = self._slid.pop(session, None)
        if slid is None:
            return ""
        if slid.how != "refilled" and reused >= slid.enough:
            return slid.how
        self._shifts.pop(session, None)
        return "refilled"

    def cut(self, session: str, held: Sequence[int], wanted: list[int]) -> Cut | None:
        """What to cut out of a session whose window slid, if it may be shifted once more."""
        if session not in self._slid or self._shifts.get(session, 0) >= MOST_SHIFTS:
            return None
        return cut_for(held, wanted)

    def shift(self, session: str, sequence: int, cut: Cut) -> bool:
        """Cut so; false, and nothing done, where the model cannot."""
        if not self._model.shift(sequence, cut.start, cut.end):
            return False
        self._ledger.cut(sequence, cut.start, cut.end)
        self._count_shift(session, self._shifts.get(session, 0) + 1)
        slid = self._slid[session]
        slid.how, slid.enough = "shifted", len(self._ledger.tokens(sequence))
        return True

    def forget(self, session: str) -> None:
        """Drop what is known of a session."""
        self._slid.pop(session, None)
        self._shifts.pop(session, None)

    def _slide(self, session: str, sequence: int, wanted: list[int], *, exact: bool) -> None:
        held = self._ledger.tokens(sequence)
        cut = None if exact else self.cut(session, held, wanted)
        if cut and self.shift(session, sequence, cut):
            return
        self._shifts.pop(session, None)
        kept = self._model.truncate(sequence, common_prefix(held, wanted))
        self._ledger.truncate(sequence, kept)
        self._slid[session].how = "warmed"

    def _count_shift(self, session: str, shifts: int) -> None:
        self._shifts.pop(session, None)
        self._shifts[session] = shifts
        if len(self._shifts) > SESSIONS_KEPT:
            del self._shifts[next(iter(self._shifts))]

    def _missing(self, slid: _Slid) -> int | None:
        """The sequence that still lacks some of the prefix; none if it became another's."""
        sequence = slid.sequence
        if sequence is None:
            return None
        held = self._ledger.tokens(sequence)
        is_its_own = not self._ledger.is_busy(sequence) and slid.wanted[: len(held)] == list(held)
        if is_its_own and len(held) < len(slid.wanted):
            return sequence
        slid.sequence = None
        return None
