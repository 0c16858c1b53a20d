"""A model on paper whose cells remember whose they are and how often they were moved.

A cell that was shifted, and each that is computed beside such a one, keeps a trace of what was
dropped; only whoever looks at what the cells were computed with can tell, for the tokens are the
same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.base import Sampling
from engine.machine import Row
from engine.state import State
from tests.fakes.paper_model import PaperModel, PaperSampler

NUMBER_BYTES = 6


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asked last where a cell is: a conversation, until it is forgotten, and a person."""

    session: str
    generation: int
    person: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What a cell remembers: its `holder`, None while nobody was told, and how many shifts have
    left their trace in it."""

    holder: Holder | None = None
    shifts: int = 0


class RememberingModel(PaperModel):
    """See the module. `entries` are beside `cells`; `started` has the seeds of new answers;
    `witness` is called before a state is saved, to say whose the newest cells are."""

    def __init__(
        self,
        sequences: int,
        *,
        context_tokens: int,
        batch_tokens: int,
        can_truncate: bool = True,
        can_shift: bool = True,
    ) -> None:
        super().__init__(
            sequences,
            context_tokens=context_tokens,
            batch_tokens=batch_tokens,
            can_truncate=can_truncate,
            can_shift=can_shift,
        )
        self.entries: list[list[Entry]] = [[] for _ in range(sequences)]
        self.started: list[int] = []
        self.witness: Callable[[], None] = lambda: None
        self._saved: list[list[Entry]] = []

    def decode(self, rows: Sequence[Row]) -> None:
        try:
            super().decode(rows)
        finally:
            for sequence in {row.sequence for row in rows}:
                entries = self.entries[sequence]
                shifts = entries[-1].shifts if entries else 0
                computed = len(self.cells[sequence]) - len(entries)
                entries += [Entry(shifts=shifts)] * computed

    def sampler(self, sampling: Sampling) -> PaperSampler:
        if sampling.seed is not None:
            self.started.append(sampling.seed)
        return super().sampler(sampling)

    def truncate(self, sequence: int, length: int) -> int:
        kept = super().truncate(sequence, length)
        del self.entries[sequence][kept:]
        return kept

    def shift(self, sequence: int, start: int, end: int) -> None:
        super().shift(sequence, start, end)
        moved = self.entries[sequence][end:]
        self.entries[sequence][start:] = [replace(e, shifts=e.shifts + 1) for e in moved]

    def copy(self, source: int, target: int, length: int) -> int:
        self.entries[target] = self.entries[source][:]
        return super().copy(source, target, length)

    def save(self, sequence: int) -> bytes:
        self.witness()
        self._saved.append(self.entries[sequence][:])
        return super().save(sequence) + b"%0*d" % (NUMBER_BYTES, len(self._saved) - 1)

    def load(self, sequence: int, state: State) -> bool:
        whole = bytes(state)
        self.entries[sequence] = self._saved[int(whole[-NUMBER_BYTES:])][:]
        return super().load(sequence, whole[:-NUMBER_BYTES])
