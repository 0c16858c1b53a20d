"""An answer that somebody waits for on the line: a sink that is read as a stream of progress."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from storage.records import Body, Part, Turn


@dataclass(frozen=True, slots=True)
class Grown:
    """`text` came to the answer; `restarted` when what came before it no longer counts."""

    text: str
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """The turn is committed."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class Refused:
    """There is no answer: `reason` for a program, `text` for a person."""

    reason: str
    text: str


Progress = Grown | Answered | Refused


class Line:
    """One waiting asker. What is not read yet is one text, however slow the reader is.

    `assert_held` raises `Fenced` when another bot may be answering by now.
    """

    to = None

    def __init__(self, assert_held: Callable[[], None], max_tokens: int | None = None) -> None:
        self._assert_held = assert_held
        self.max_tokens = max_tokens
        self.shown = False
        self.told = False
        """Whether who waits was told the end."""
        self._text = ""
        self._read = ""
        self._end: Answered | Refused | None = None
        self._changed = asyncio.Event()

    def working(self) -> AbstractAsyncContextManager[None]:
        """Work has no form on the line."""
        return nullcontext()

    async def wait(self, place: int, eta_s: float | None) -> None:
        """Waiting has no form on the line."""

    async def show(self, markdown: str) -> None:
        """The answer so far. Raises `Fenced` when another bot answers."""
        self._assert_held()
        self.shown = True
        self._text = markdown
        self._changed.set()

    async def report(self, markdown: str) -> None:
        """The line gets the reply alone."""

    def bodies(self, markdown: str, *, ratable: bool = False) -> list[Body]:
        """Nothing is posted anywhere."""
        return []

    async def answered(self, turn: Turn, parts: Sequence[Part]) -> None:
        """Say the end."""
        self._text = turn.answer
        self._finish(Answered(turn))

    async def refused(self, reason: str, text: str, parts: Sequence[Part]) -> None:
        """Say why there is no answer."""
        self._finish(Refused(reason, text))

    async def close(self, instead: str | None = None) -> None:
        """The question was withdrawn or the program stops."""
        self._finish(Refused("withdrawn", "The question was withdrawn."))

    async def progress(self) -> AsyncIterator[Progress]:
        """What happens, until the end."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            grown = self._grown()
            if grown:
                yield grown
            if self._end:
                self.told = True
                yield self._end
                return

    def _grown(self) -> Grown | None:
        before, self._read = self._read, self._text
        if self._text.startswith(before):
            text = self._text[len(before) :]
            return Grown(text) if text else None
        return Grown(self._text, restarted=True)

    def _finish(self, end: Answered | Refused) -> None:
        self._end = self._end or end
        self._changed.set()
