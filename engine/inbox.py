"""What has come of one request and was not read yet."""

import asyncio

from engine.base import Delta, EngineError


class Inbox:
    """Deltas merged while nobody reads them, so a slow reader holds nothing up."""

    def __init__(self, number: int, session: str) -> None:
        self.number = number
        self.session = session
        self.over = False
        self.interrupted = False
        self._deltas: list[Delta] = []
        self._error: EngineError | None = None
        self._news = asyncio.Event()

    def put(self, delta: Delta) -> None:
        """Add a delta; text grows the text before it, a place replaces the one before it."""
        last = self._deltas[-1] if self._deltas else None
        if last and delta.text and last.text:
            self._deltas[-1] = Delta(last.text + delta.text, tokens=last.tokens + delta.tokens)
        elif last and delta.waiting and last.waiting:
            self._deltas[-1] = delta
        else:
            self._deltas.append(delta)
        self.over = delta.finish is not None
        self._news.set()

    def fail(self, error: EngineError) -> None:
        """Nothing more will come: the worker is done with it, or gone."""
        self.over = True
        self.give_up(error)

    def give_up(self, error: EngineError) -> None:
        """Nothing more is wanted, whatever the worker still does."""
        self._error = self._error or error
        self._news.set()

    async def take(self) -> list[Delta]:
        """What is new, at least one delta. Raises the error once all before it is read."""
        await self._news.wait()
        deltas, self._deltas = self._deltas, []
        if not deltas and self._error is not None:
            raise self._error
        if self._error is None:
            self._news.clear()
        return deltas
