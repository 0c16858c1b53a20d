"""Decision 0008 once more, told by cells that remember: what an answer may begin with, and what it
must begin with where that is there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.kvcache import Ledger
from engine.parking import WORTH_COPYING_TOKENS
from engine.prefix import common_prefix
from engine.shelf import Shelf
from tests.fakes.remembering_model import Entry, Holder, RememberingModel


@dataclass(frozen=True, slots=True)
class Before:
    """What there was to begin with before a step."""

    sequences: list[tuple[list[int], list[Entry]]]
    parked: dict[str, tuple[int, ...]]
    beginnings: list[list[int]]


class Witness:
    """Sees whose cells become whose. There are so many `systems`, prompts of all conversations."""

    def __init__(self, model: RememberingModel, systems: Sequence[list[int]]) -> None:
        self._model = model
        self._systems = systems
        self._generations: dict[str, int] = {}
        self._used: dict[tuple[str, int], set[int]] = {}

    def asked(self, session: str, person: str, system: int) -> Holder:
        """Somebody asks in a session behind a system prompt."""
        holder = self._holder(session, person)
        self._used.setdefault((session, holder.generation), set()).add(system)
        return holder

    def forgot(self, session: str) -> None:
        """What the session held is nobody's any more."""
        self._generations[session] = self._generations.get(session, 0) + 1

    def look(self, ledger: Ledger) -> None:
        """After a step: what is now somebody's was lawfully had."""
        for sequence, entries in enumerate(self._model.entries):
            owner = ledger.owner(sequence)
            if owner is None:
                continue
            holder = self._holder(owner.session, owner.person)
            if entries[-1].holder != holder:
                self._hand_over(sequence, holder)

    def exact(self, sequence: int) -> int:
        """Cells from the first on that no shift has left a trace in."""
        return _exact(self._model.entries[sequence])

    def before(self, shelf: Shelf, sessions: Sequence[str]) -> Before:
        """What there is now; of what is parked, the sessions' own."""
        cells = zip(self._model.cells, self._model.entries, strict=True)
        parked = ((session, shelf.own(session)) for session in sessions)
        return Before(
            [(tokens[:], entries[:]) for tokens, entries in cells if tokens],
            {session: own.tokens for session, own in parked if own},
            [system for system in self._systems if shelf.has_shared(tuple(system))],
        )

    def least(self, before: Before, to: Holder, prompt: list[int]) -> int:
        """Tokens that an answer must begin with; the prompt's last one is always computed."""
        usable = len(prompt) - 1
        live = [self._lent(tokens, entries, to, prompt) for tokens, entries in before.sequences]
        shared = [len(system) for system in before.beginnings if _begins(prompt, system)]
        own = common_prefix(before.parked.get(to.session, ()), prompt)
        copied = min(max(live, default=0), usable) - WORTH_COPYING_TOKENS + 1
        return min(max(copied, own, *shared, 0), usable)

    def _hand_over(self, sequence: int, to: Holder) -> None:
        tokens, entries = self._model.cells[sequence], self._model.entries[sequence]
        had = len(entries)
        while had and entries[had - 1].holder is None:
            had -= 1  # computed in this step
        if had and entries[had - 1].holder != to:
            strange = [at for at in range(1, had + 1) if not self._is_own(entries[at - 1], to)]
            assert not strange or tokens[: strange[-1]] in self._systems
            assert all(self._is_session(entry, to) for entry in entries[:had] if entry.shifts)
            had = 0
        entries[had:] = [replace(entry, holder=to) for entry in entries[had:]]

    def _lent(self, tokens: list[int], entries: list[Entry], to: Holder, prompt: list[int]) -> int:
        last = entries[-1]
        assert last.holder is not None
        if self._is_session(last, to):
            return common_prefix(tokens, prompt)
        exact = tokens[: _exact(entries)]
        if self._is_own(last, to):
            return common_prefix(exact, prompt)
        systems = self._used.get((last.holder.session, last.holder.generation), set())
        if len(systems) != 1:  # it has another one now, and may have kept a part of the former
            return 0
        system = self._systems[next(iter(systems))]
        return len(system) if _begins(exact, system) and _begins(prompt, system) else 0

    def _holder(self, session: str, person: str) -> Holder:
        return Holder(session, self._generations.get(session, 0), person)

    def _is_session(self, entry: Entry, to: Holder) -> bool:
        return entry.holder == replace(to, person=entry.holder.person) if entry.holder else False

    def _is_own(self, entry: Entry, to: Holder) -> bool:
        """Whether it is of the same conversation, or of one of the same person's."""
        held = entry.holder
        assert held is not None
        is_known = held.generation == self._generations.get(held.session, 0)
        return is_known and (held.session == to.session or held.person == to.person)


def _exact(entries: list[Entry]) -> int:
    return next((at for at, entry in enumerate(entries) if entry.shifts), len(entries))


def _begins(tokens: list[int], beginning: list[int]) -> bool:
    return tokens[: len(beginning)] == beginning
