"""Whose texts the next pass computes. PURE.

Questions stand in a line. A pass takes texts from its front on, as many as fit, and whoever gave
some goes to the back. So a question waits for no more passes than there are questions before it,
however long they are, and short ones share a pass.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.embedding import Vector, packs

Tokens = Sequence[int]


@dataclass(slots=True, eq=False)
class Asked:
    """One question: its texts in tokens, and the vectors that the first of them have become."""

    number: int
    texts: Sequence[Tokens]
    vectors: list[Vector] = field(default_factory=list[Vector])

    @property
    def left(self) -> Sequence[Tokens]:
        """Texts that have no vector yet."""
        return self.texts[len(self.vectors) :]

    @property
    def tokens(self) -> int:
        """Of all texts."""
        return sum(map(len, self.texts))


class Rota:
    """The line."""

    def __init__(self) -> None:
        self._line: OrderedDict[int, Asked] = OrderedDict()

    def __len__(self) -> int:
        return len(self._line)

    def __contains__(self, asked: Asked) -> bool:
        return asked.number in self._line

    def add(self, asked: Asked) -> None:
        """Put a question at the end."""
        self._line[asked.number] = asked

    def drop(self, number: int) -> None:
        """Nobody wants the answer any more; there may be none."""
        self._line.pop(number, None)

    def next_pass(self, tokens: int) -> list[tuple[Asked, Tokens]]:
        """The texts of the next pass, and whose they are; none when there is nothing to compute.

        They have as many tokens at most, unless it is one text that has more.
        Their vectors must be with their questions before another pass is asked for, unless those
        were dropped.
        """
        waiting = [(asked, text) for asked in self._line.values() for text in asked.left]
        pack = next(packs([len(text) for _, text in waiting], tokens), range(0))
        taken = waiting[pack.start : pack.stop]
        for asked in dict.fromkeys(asked for asked, _ in taken):
            self._line.move_to_end(asked.number)
        return taken

    def pop_finished(self) -> list[Asked]:
        """Take out the questions that have all their vectors."""
        finished = [asked for asked in self._line.values() if not asked.left]
        for asked in finished:
            del self._line[asked.number]
        return finished
