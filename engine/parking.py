"""Conversations that leave their sequence and come back, and beginnings that are lent: out of the
cache, into it, and from sequence to sequence.

`shelf` and `cellar` say what is kept in memory and what in files, a `carrier` moves states between
the two beside the steps, `warm` knows whose window slid meanwhile, `owner` who may have what; what
is computed is `loop`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.base import Kept
from engine.carrier import Carrier, Fetched, Stored
from engine.cellar import Cellar
from engine.kvcache import Ledger
from engine.machine import Machine
from engine.owner import Owner
from engine.prefix import common_prefix
from engine.shelf import SHARED, Parked, Shelf
from engine.slide import Cut
from engine.warm import Warmer

WORTH_PARKING_TOKENS = 32
"""Fewer are computed as fast as they are copied."""
WORTH_COPYING_TOKENS = 32
"""From sequence to sequence: the library copies a whole sequence, however few it is for."""


@dataclass(frozen=True, slots=True)
class Return:
    """A state to be copied in, or the sequence that holds it; after the `cut`, if any, `reach`
    tokens of it begin the prompt."""

    source: Parked | int
    cut: Cut | None
    reach: int

    def gain(self, there: int) -> int:
        """Tokens of the prompt that it is worth being copied for, where `there` are already."""
        gain = self.reach - there
        is_worth = isinstance(self.source, Parked) or gain >= WORTH_COPYING_TOKENS
        return max(0, gain) if is_worth else 0


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

    def is_at_hand(self, to: Owner, prompt: list[int]) -> bool:
        """Whether what is worth having for a prompt is in memory; if not, it is on its way."""
        filed = self.cellar.filed(to.session)
        if filed is None or self.cellar.is_blocked:
            return True
        near = self.find(to, prompt).reach
        if self._reach(filed.owner, filed.tokens, prompt)[0] - near < WORTH_PARKING_TOKENS:
            return True
        if (number := self.cellar.call(to.session)) is not None:
            self._carrier.fetch(number, to.session)
        return False

    def find(self, to: Owner, prompt: list[int], there: int = 0) -> Return:
        """What is in memory and gives most of the prompt's beginning beyond the `there` tokens that
        are already where it goes, be it nothing."""
        going = self.cellar.going(to.session)
        found: list[Return] = []
        if best := self._shelf.best(to, prompt, going):
            found.append(Return(best, None, best.lends(to, prompt)))
        lender = self._ledger.lender(to, prompt)
        found.append(Return(lender, None, self._ledger.keep(lender, to, prompt)))
        if own := going or self._shelf.own(to.session):
            reach, cut = self._reach(own.owner, own.tokens, prompt)
            found.append(Return(own, cut, reach))
        return max(found, key=lambda each: each.gain(there))

    def reach(self, to: Owner, prompt: list[int]) -> int:
        """Tokens of a prompt that are kept, in memory or in a file."""
        filed = self.cellar.filed(to.session)
        deep = self._reach(filed.owner, filed.tokens, prompt)[0] if filed else 0
        return max(deep, self.find(to, prompt).reach)

    def park(self, sequence: int) -> None:
        """Keep a conversation that loses its sequence."""
        owner, tokens = self._ledger.owner(sequence), tuple(self._ledger.tokens(sequence))
        if owner is not None and len(tokens) >= WORTH_PARKING_TOKENS and self._shelf.takes_any:
            parked = Parked(owner, tokens, self._model.save(sequence))
            self._carrier.drop(self.cellar.keep(parked))
            self._may_send = True

    def bring(self, sequence: int, to: Owner, prompt: list[int], found: Return) -> None:
        """Copy what was found into a sequence, in the place of what is there, if it is worth it."""
        if not found.gain(self._ledger.keep(sequence, to, prompt)):
            return
        if isinstance(found.source, Parked):
            self._restore(sequence, to, found.source, found.cut)
        else:
            self._copy(found.source, sequence, found.reach)

    def share(self, sequence: int, beginning: tuple[int, ...]) -> None:
        """Keep the state of a system prompt if it was just computed, for who begins with it."""
        owner, length = self._ledger.owner(sequence), len(self._ledger.tokens(sequence))
        is_exact = owner is not None and length == len(beginning) <= owner.exact
        if is_exact and self._shelf.takes_any and not self._shelf.has_shared(beginning):
            nobody = Owner(SHARED, "", length)
            self._shelf.put(Parked(nobody, beginning, self._model.save(sequence)))

    def exchange(self, busy: int, idle: int) -> bool:
        """Let what two sequences hold change places.

        False where the library takes a state not: then each is where it was, or, if it was `idle`,
        perhaps gone.
        """
        coming = self._model.save(busy)
        going = self._model.save(idle) if self._ledger.tokens(idle) else None
        moved = self._model.load(idle, coming)
        if moved:
            self._ledger.exchange(busy, idle)
        left = busy if moved else idle
        if going is None or not self._model.load(left, going):
            self._ledger.truncate(left, self._model.truncate(left, 0))
        return moved

    def forget(self, session: str) -> None:
        """Drop what is kept of a session, in memory and in files."""
        self._shelf.forget(session)
        self._carrier.drop(self.cellar.forget(session))

    def _restore(self, sequence: int, to: Owner, parked: Parked, cut: Cut | None) -> None:
        loaded = self._model.load(sequence, parked.state)
        self._ledger.put(sequence, parked.owner, parked.tokens if loaded else ())
        self._restored += loaded and parked.session == to.session
        if loaded and cut:
            self._warmer.shift(to.session, sequence, cut)

    def _copy(self, source: int, target: int, length: int) -> None:
        owner, tokens = self._ledger.owner(source), self._ledger.tokens(source)[:length]
        assert owner is not None, "a sequence without tokens lends none"
        copied = self._model.copy(source, target, length)
        self._ledger.put(target, owner, tokens)
        self._ledger.truncate(target, copied)

    def _reach(
        self, owner: Owner, held: Sequence[int], prompt: list[int]
    ) -> tuple[int, Cut | None]:
        """Tokens of a prompt that its session's own state would give, and what to cut out of it."""
        cut = self._warmer.cut(owner, held, prompt)
        if cut:
            return len(held) - cut.end + cut.start, cut
        return common_prefix(held, prompt), None
