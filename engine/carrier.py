"""The door between what is parked and where files are: states go down to a file and come back.

`porter` is what stands behind it. A carrier works beside the steps of the loop and never holds one
up; what it has done is fetched by `done`, and its owner is told when there is something to fetch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.state import State


@dataclass(frozen=True, slots=True)
class Stored:
    """A state is in its file, whole or not at all."""

    is_whole: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """A state is back and its file gone; without a state the file was not what had been written."""

    state: State | None


Carried = Stored | Fetched


class Carrier(Protocol):
    """Carries at most one state each way at a time; its owner sees to that."""

    @property
    def budget_bytes(self) -> int:
        """What all files may take; 0: there are none."""
        ...

    def store(self, number: int, session: str, state: State) -> None:
        """Begin to write a state to the file `number`."""
        ...

    def fetch(self, number: int, session: str) -> None:
        """Begin to read a file back, and drop it."""
        ...

    def drop(self, numbers: Sequence[int]) -> None:
        """Drop files at once; what is on its way stops there and is `done` as if it had failed."""
        ...

    def done(self) -> list[Carried]:
        """What has come to its end since this was last asked."""
        ...


class NoFiles:
    """A carrier for where nothing is to be written to a disk."""

    budget_bytes = 0

    def store(self, number: int, session: str, state: State) -> None:
        raise AssertionError("there is no room for files")

    def fetch(self, number: int, session: str) -> None:
        raise AssertionError("there are no files")

    def drop(self, numbers: Sequence[int]) -> None:
        """There are none."""

    def done(self) -> list[Carried]:
        """Nothing ever is."""
        return []
