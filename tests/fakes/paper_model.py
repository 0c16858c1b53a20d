"""A model on paper: its cache is lists, and its next token a digest of all tokens before it.

So an answer is right only if exactly its own tokens were in its sequence, in their order, whatever
was parked, shifted, drafted or aborted meanwhile. It takes time on a clock of its own, refuses what
the library would refuse, and keeps what an aborted step had written, as the library may.
"""

import hashlib
import json
from collections.abc import Sequence
from itertools import pairwise

from engine.base import Sampling
from engine.machine import Aborted, Row
from engine.state import State

END = 0
LETTERS = 6
STEP_S, TOKEN_S = 0.01, 0.003


def next_token(tokens: Sequence[int]) -> int:
    """What follows: often the next letter, so that a draft may hit, else any, or the end."""
    digest = hashlib.blake2b(bytes(tokens), digest_size=4).digest()
    if digest[0] < 3:
        return END
    return 1 + (tokens[-1] if digest[2] < 170 else digest[1]) % LETTERS


def answer_to(prompt: Sequence[int], max_tokens: int) -> list[int]:
    """The answer, computed without a cache."""
    tokens = list(prompt)
    while len(tokens) < len(prompt) + max_tokens and (token := next_token(tokens)) != END:
        tokens.append(token)
    return tokens[len(prompt) :]


class Letters:
    """Token 1 is `a`."""

    def piece(self, token: int) -> bytes:
        return bytes([96 + token])

    def ends(self, token: int) -> bool:
        return token == END


def text_of(tokens: Sequence[int]) -> str:
    return b"".join(map(Letters().piece, tokens)).decode()


class PaperSampler:
    """Reads what the model wrote beside each wanted row."""

    def __init__(self, model: "PaperModel") -> None:
        self._model = model
        model.samplers += 1

    def draw(self, row: int) -> int:
        return self._model.logits[row]

    def close(self) -> None:
        self._model.samplers -= 1


class PaperModel:
    """See the module."""

    def __init__(
        self,
        sequences: int,
        *,
        context_tokens: int,
        batch_tokens: int,
        can_truncate: bool = True,
        can_shift: bool = True,
    ) -> None:
        self.cells: list[list[int]] = [[] for _ in range(sequences)]
        self.context_tokens = context_tokens
        self.can_truncate = can_truncate
        self.can_shift = can_shift and can_truncate
        self.vocabulary = Letters()
        self.logits: dict[int, int] = {}
        self.samplers = 0
        self.passes = 0
        """Over the weights, in the last step: one for each run of sequences without a gap."""
        self.clock_s = 0.0
        self._batch_tokens = batch_tokens
        self._aborting = False

    def clock(self) -> float:
        return self.clock_s

    def abort(self) -> None:
        """Make the next step raise `Aborted` in its middle."""
        self._aborting = True

    def decode(self, rows: Sequence[Row]) -> None:
        assert 0 < len(rows) <= self._batch_tokens
        assert [row.sequence for row in rows] == sorted(row.sequence for row in rows)
        self.passes = 1 + sum(b.sequence - a.sequence > 1 for a, b in pairwise(rows))
        self.clock_s += STEP_S * self.passes + TOKEN_S * len(rows)
        self.logits = {}
        aborted, self._aborting = self._aborting and self.can_truncate, False
        for i, row in enumerate(rows[: len(rows) // 2] if aborted else rows):
            cells = self.cells[row.sequence]
            assert row.position == len(cells) < self.context_tokens
            cells.append(row.token)
            if row.wanted:
                self.logits[i] = next_token(cells)
        if aborted:
            raise Aborted

    def sampler(self, sampling: Sampling) -> PaperSampler:
        return PaperSampler(self)

    def truncate(self, sequence: int, length: int) -> int:
        cells = self.cells[sequence]
        assert length <= len(cells)
        if not self.can_truncate and 0 < length < len(cells):
            length = 0
        del cells[length:]
        return length

    def shift(self, sequence: int, start: int, end: int) -> None:
        assert self.can_shift
        assert start < end <= len(self.cells[sequence])
        del self.cells[sequence][start:end]

    def copy(self, source: int, target: int, length: int) -> int:
        assert source != target
        self.cells[target] = self.cells[source][:]
        return self.truncate(target, length)

    def save(self, sequence: int) -> bytes:
        return json.dumps(self.cells[sequence]).encode()

    def load(self, sequence: int, state: State) -> bool:
        self.cells[sequence] = json.loads(bytes(state))
        return True


class Careless(PaperModel):
    """A model that often agrees with the other, as a smaller one of its family does."""

    def decode(self, rows: Sequence[Row]) -> None:
        super().decode(rows)
        self.logits = {i: t if (t + i) % 3 else LETTERS for i, t in self.logits.items()}
