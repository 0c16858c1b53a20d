"""Conversations that leave their sequence and come back: out of the cache, and in again.

`shelf` and `cellar` say what is kept in memory and what in files, a `carrier` moves states between
the two beside the steps, `warm` knows whose window slid meanwhile; what is computed is `loop`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.base import Kept
from engine.carrier import Carrier, Fetched, Stored
from engine.cellar import Cellar
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

    def __init__(
        self, model: Machine, ledger: Ledger, warmer: Warmer, shelf: Shelf, carrier: Carrier
    ) -> None:
        self._model = model
        self._ledger = ledger
        self._warmer = warmer
        self._shelf = shelf
        self._carrier = carrier
        self.cellar = Cellar(shelf, carrier.budget_bytes)
        self._may_send = True
        self._restored = self._fetched = self._lost = 0

    @property
    def kept(self) -> Kept:
        """What is kept now, and how often it was of use."""
        return Kept(
            memory_bytes=self._shelf.size_bytes,
            file_bytes=self.cellar.size_bytes,
            files=len(self.cellar),
            moving=self.cellar.moving,
            restored=self._restored,
            fetched=self._fetched,
            lost=self._lost,
        )

    def settle(self) -> None:
        """Take what the carrier has brought."""
        for carried in self._carrier.done():
            match carried:
                case Stored(is_whole):
                    is_lost = self.cellar.sent(is_whole=is_whole)
                    self._may_send = self._may_send and not is_lost
                case Fetched(state):
                    is_lost = not self.cellar.came(state)
                    self._lost += is_lost
                    self._fetched += state is not None

    def make_room(self) -> None:
        """Send down what the shelf has no room for; after a failure, not before the next parks."""
        if self._may_send and (sending := self.cellar.send()):
            self._carrier.drop(sending.gone)
            parked = sending.parked
            self._carrier.store(sending.filed.number, parked.session, parked.state)

    def is_at_hand(self, session: str, prompt: list[int]) -> bool:
        """Whether what is worth having for a prompt is in memory; if not, it is on its way."""
        filed = self.cellar.filed(session)
        if filed is None or self.cellar.is_blocked:
            return True
        found = self.find(session, prompt)
        near = max(found.reach if found else 0, self._ledger.reusable(session, prompt))
        if self._reach(session, filed.tokens, prompt)[0] - near < WORTH_PARKING_TOKENS:
            return True
        if (number := self.cellar.call(session)) is not None:
            self._carrier.fetch(number, session)
        return False

    def find(self, session: str, prompt: list[int]) -> Return | None:
        """The state in memory that has the most of the prompt's beginning."""
        going = self.cellar.going(session)
        own = going or self._shelf.own(session)
        reach, cut = self._reach(session, own.tokens, prompt) if own else (0, None)
        if own and cut:
            return Return(own, cut, reach)
        best = self._shelf.best(session, prompt, going)
        return Return(best, None, common_prefix(best.tokens, prompt)) if best else None

    def reach(self, session: str, prompt: list[int]) -> int:
        """Tokens of a prompt that are kept, in memory or in a file."""
        found, filed = self.find(session, prompt), self.cellar.filed(session)
        deep = self._reach(session, filed.tokens, prompt)[0] if filed else 0
        return max(deep, found.reach if found else 0)

    def park(self, sequence: int) -> None:
        """Keep a conversation that loses its sequence."""
        owner, tokens = self._ledger.owner(sequence), tuple(self._ledger.tokens(sequence))
        if owner is not None and len(tokens) >= WORTH_PARKING_TOKENS and self._shelf.takes_any:
            parked = Parked(owner, tokens, self._model.save(sequence))
            self._carrier.drop(self.cellar.keep(parked))
            self._may_send = True

    def restore(self, sequence: int, session: str, found: Return) -> None:
        """Copy a state into a sequence, in the place of what is there."""
        loaded = self._model.load(sequence, found.parked.state)
        self._ledger.put(sequence, found.parked.tokens if loaded else ())
        self._restored += loaded and found.parked.session != SHARED
        if loaded and found.cut:
            self._warmer.shift(session, sequence, found.cut)

    def share(self, sequence: int, beginning: tuple[int, ...]) -> None:
        """Keep the state of a system prompt if it was just computed, for who begins with it."""
        is_there = len(self._ledger.tokens(sequence)) == len(beginning)
        if is_there and self._shelf.takes_any and not self._shelf.has_shared(beginning):
            self._shelf.put(Parked(SHARED, beginning, self._model.save(sequence)))

    def forget(self, session: str) -> None:
        """Drop what is kept of a session, in memory and in files."""
        self._shelf.forget(session)
        self._carrier.drop(self.cellar.forget(session))

    def _reach(
        self, session: str, held: Sequence[int], prompt: list[int]
    ) -> tuple[int, Cut | None]:
        """Tokens of a prompt that the session's own state would give, and what to cut out of it."""
        cut = self._warmer.cut(session, held, prompt)
        if cut:
            return len(held) - cut.end + cut.start, cut
        return common_prefix(held, prompt), None
