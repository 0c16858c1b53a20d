"""Conversations that leave their sequence and come back: out of the cache, and in again.

`shelf` keeps the states, `warm` knows whose window slid meanwhile; what is computed is `loop`'s.
"""

from dataclasses import dataclass

from engine.kvcache import Ledger
from engine.machine import Machine
from engine.prefix import common_prefix
from engine.shelf import SHARED, Parked, Shelf
from engine.slide import Cut
from engine.warm import Warmer

WORTH_PARKING_TOKENS = 32
"""Fewer are computed as fast as they are copied."""


@dataclass(frozen=True, slots=True)
class Return:
    """A state to be copied in; after the `cut`, if any, `reach` tokens of it begin the prompt."""

    parked: Parked
    cut: Cut | None
    reach: int


class Parking:
    """What is parked of one model's conversations."""

    def __init__(self, model: Machine, ledger: Ledger, warmer: Warmer, shelf: Shelf) -> None:
        self._model = model
        self._ledger = ledger
        self._warmer = warmer
        self._shelf = shelf

    def find(self, session: str, prompt: list[int]) -> Return | None:
        """The state that has the most of the prompt's beginning."""
        own = self._shelf.own(session)
        cut = self._warmer.cut(session, own.tokens, prompt) if own else None
        if own and cut:
            return Return(own, cut, len(own.tokens) - cut.end + cut.start)
        best = self._shelf.best(session, prompt)
        return Return(best, None, common_prefix(best.tokens, prompt)) if best else None

    def park(self, sequence: int) -> None:
        """Keep a conversation that loses its sequence."""
        owner, tokens = self._ledger.owner(sequence), tuple(self._ledger.tokens(sequence))
        if owner is not None and len(tokens) >= WORTH_PARKING_TOKENS and self._shelf.takes_any:
            self._shelf.put(Parked(owner, tokens, self._model.save(sequence)))

    def restore(self, sequence: int, session: str, found: Return) -> None:
        """Copy a state into a sequence, in the place of what is there."""
        loaded = self._model.load(sequence, found.parked.state)
        self._ledger.put(sequence, found.parked.tokens if loaded else ())
        if found.parked.session != SHARED:
            self._shelf.forget(session)
        if loaded and found.cut:
            self._warmer.shift(session, sequence, found.cut)

    def share(self, sequence: int, beginning: tuple[int, ...]) -> None:
        """Keep the state of a system prompt if it was just computed, for who begins with it."""
        is_there = len(self._ledger.tokens(sequence)) == len(beginning)
        if is_there and self._shelf.takes_any and not self._shelf.has_shared(beginning):
            self._shelf.put(Parked(SHARED, beginning, self._model.save(sequence)))
