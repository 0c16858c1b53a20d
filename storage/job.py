"""One write on its way from the event loop to the writer's thread and back."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Job(Generic[T]):
    """`run` and `fail` belong to the writer's thread; `settle` and `give_up` to the loop's, and
    `settle` to a time when the writer is done with it."""

    __slots__ = ("_error", "_op", "_result", "future")

    def __init__(self, op: Callable[[Connection], T], future: asyncio.Future[T]) -> None:
        self._op = op
        self.future = future
        self._error: Exception | None = None

    def run(self, connection: Connection) -> None:
        """Do it, in a transaction; again after a roll-back."""
        self._error = None
        self._result = self._op(connection)

    def fail(self, error: Exception) -> None:
        """It is not to be."""
        self._error = error

    def settle(self) -> None:
        """Tell who waits, unless they were cancelled or told in the meantime."""
        if self.future.done():
            return
        if self._error is not None:
            self.future.set_exception(self._error)
        else:
            self.future.set_result(self._result)

    def give_up(self, error: Exception) -> None:
        """Tell who waits that nobody knows; the writer may be at it still."""
        if not self.future.done():
            self.future.set_exception(error)
