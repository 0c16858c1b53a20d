"""A waiting line with an end: whoever finds it full is told when to come back."""

from collections.abc import Generator
from contextlib import contextmanager

from engine.base import Overloaded

RETRY_AFTER_S = 5.0


class Lobby:
    """Where at most `most` wait together, and `purpose` says what for."""

    def __init__(self, most: int, purpose: str) -> None:
        self._most = most
        self._purpose = purpose
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    @contextmanager
    def place(self) -> Generator[None]:
        """Have a place while the block runs. Raises `Overloaded` when all are taken."""
        if self._waiting >= self._most:
            raise Overloaded(f"too many requests wait {self._purpose}", RETRY_AFTER_S)
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
