"""What the step loop wants of a model: the door between who runs when and how it is computed.

`llama` is what stands behind it; the tests have one on paper, whose next token depends on every
token that is in the cache, so that a wrong cache is a wrong answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.base import Sampling
from engine.state import State


class Aborted(Exception):
    """`abort()` stopped a step; what it had computed may be in the cache and must be truncated."""


@dataclass(frozen=True, slots=True)
class Row:
    """One token of a step. With `wanted`, its logits can be sampled afterwards."""

    token: int
    position: int
    sequence: int
    wanted: bool


class Draws(Protocol):
    """Draws one answer's tokens; remembers them. Must be closed."""

    def draw(self, row: int) -> int:
        """The token that follows a wanted row of the last step, by its index in the step."""
        ...

    def close(self) -> None: ...


class Spells(Protocol):
    """What the loop asks of a vocabulary."""

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; none for a control token."""
        ...

    def ends(self, token: int) -> bool:
        """Whether the model says with this token that its answer is over."""
        ...


class Machine(Protocol):
    """A model and its cache of sequences; not for use by several threads, but for `abort`."""

    @property
    def context_tokens(self) -> int: ...

    @property
    def can_truncate(self) -> bool:
        """Whether a sequence can be cut at any token; recurrent models only keep all or none."""
        ...

    @property
    def can_shift(self) -> bool:
        """Whether tokens can be taken out of a sequence's middle."""
        ...

    @property
    def vocabulary(self) -> Spells: ...

    def decode(self, rows: Sequence[Row]) -> None:
        """Compute one step; rows in the order of their sequences. Raises `Aborted`."""
        ...

    def sampler(self, sampling: Sampling) -> Draws:
        """A new sampler for one answer."""
        ...

    def truncate(self, sequence: int, length: int) -> int:
        """Keep the first `length` tokens of a sequence; returns how many are kept."""
        ...

    def shift(self, sequence: int, start: int, end: int) -> None:
        """Take the tokens from `start` to `end` out and move up what follows; if it `can_shift`."""
        ...

    def copy(self, source: int, target: int, length: int) -> int:
        """Put the first `length` tokens of a sequence in the place of what another one holds;
        returns how many it holds then."""
        ...

    def save(self, sequence: int) -> State:
        """The state of a sequence."""
        ...

    def load(self, sequence: int, state: State) -> bool:
        """Put a saved state in the place of what a sequence holds; false leaves it empty."""
        ...
