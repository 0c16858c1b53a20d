"""Prefixes of windows that slid, made ready before their next message comes.

Done between steps that somebody waits for, never instead of one: a shift costs next to nothing and
is done at once, an exact prefix is computed in chunks while nobody else wants the model. A session
whose sequence is taken meanwhile just loses what was begun.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from engine.base import Slide
from engine.kvcache import Claim, Ledger
from engine.machine import Machine, Row
from engine.owner import Owner
from engine.prefix import common_prefix
from engine.slide import MOST_SHIFTS, Cut, cut_for

SESSIONS_KEPT = 1024


@dataclass(slots=True)
class _Slid:
    """A window that slid: how the next prompt's beginning comes to be there; `enough` of its tokens
    are if nothing comes between."""

    how: Slide
    enough: int


class Warmer:
    """The windows that slid, of one model."""

    def __init__(self, model: Machine, ledger: Ledger) -> None:
        self._model = model
        self._ledger = ledger
        self._slid: OrderedDict[str, _Slid] = OrderedDict()
        self._making: dict[str, list[int]] = {}
        """The tokens that a session's next prompt begins with."""

    @property
    def busy(self) -> bool:
        """Whether a prefix is to be computed."""
        return bool(self._making)

    def prepare(self, session: str, wanted: list[int], spare_tokens: int) -> None:
        """A session's window slid. `spare_tokens` may be computed in time nobody else wants."""
        sequence = self._ledger.resident(session)
        held = self._ledger.tokens(sequence) if sequence is not None else ()
        alike = common_prefix(held, wanted)
        if held and alike == min(len(held), len(wanted)):
            self._aim(session, wanted)  # it has not slid since
            return
        self._slid[session] = _Slid("refilled", enough=len(wanted) - 1)
        self._making.pop(session, None)
        if sequence is not None:
            self._making[session] = wanted
            self._slide(session, sequence, wanted, spare_tokens)
        while len(self._slid) > SESSIONS_KEPT:
            self.forget(next(iter(self._slid)))

    def rows(self, tokens: int) -> list[Row]:
        """A chunk of the next prefix that is missing, to be computed now."""
        for session, wanted in [*self._making.items()]:
            sequence = self._ledger.resident(session)
            if sequence is not None and (lacking := self._lacking(sequence, wanted)):
                start = len(wanted) - len(lacking)
                return [
                    Row(token, start + i, sequence, wanted=False)
                    for i, token in enumerate(lacking[:tokens])
                ]
            del self._making[session]
        return []

    def settle(self, session: str, claim: Claim) -> Slide:
        """The session's next prompt came, and begins with what its claim keeps."""
        self._making.pop(session, None)
        slid = self._slid.pop(session, None)
        if slid is None:
            return ""
        owner = self._ledger.owner(claim.sequence)
        was_shifted = owner is not None and owner.shifts > 0
        kept = was_shifted if slid.how == "shifted" else claim.keep >= slid.enough
        return slid.how if kept else "refilled"

    def cut(self, owner: Owner, held: Sequence[int], wanted: list[int]) -> Cut | None:
        """What to cut out of a session whose window slid, if it may be shifted once more."""
        may_shift = self._model.can_shift and owner.shifts < MOST_SHIFTS
        return cut_for(held, wanted) if may_shift and owner.session in self._slid else None

    def shift(self, session: str, sequence: int, cut: Cut) -> None:
        """Cut so, as `cut` said."""
        self._model.shift(sequence, cut.start, cut.end)
        self._ledger.cut(sequence, cut.start, cut.end)
        self._slid[session].how = "shifted"

    def forget(self, session: str) -> None:
        """Drop what is known of a session."""
        self._making.pop(session, None)
        self._slid.pop(session, None)

    def _aim(self, session: str, wanted: list[int]) -> None:
        """Make this ready where something is being made ready."""
        if session in self._making:
            self._making[session] = wanted
            self._slid[session].enough = len(wanted) - 1

    def _slide(self, session: str, sequence: int, wanted: list[int], spare_tokens: int) -> None:
        held, owner = self._ledger.tokens(sequence), self._ledger.owner(sequence)
        assert owner is not None, "a session is where its tokens are"
        exact = min(common_prefix(held, wanted), owner.exact)
        fits = len(wanted) - exact <= spare_tokens
        cut = None if fits else self.cut(owner, held, wanted)
        if cut:
            self.shift(session, sequence, cut)
            return
        self._ledger.truncate(sequence, self._model.truncate(sequence, exact))
        self._slid[session].how = "warmed"

    def _lacking(self, sequence: int, wanted: list[int]) -> list[int]:
        """What a sequence lacks of a prefix; nothing if it holds other tokens."""
        held = list(self._ledger.tokens(sequence))
        return wanted[len(held) :] if wanted[: len(held)] == held else []
