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
        self._reader: asyncio.Future[None] | None = None

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
        self._wake()

    def fail(self, error: EngineError) -> None:
        """Nothing more will come: the worker is done with it, or gone."""
        self.over = True
        self.give_up(error)

    def give_up(self, error: EngineError) -> None:
        """Nothing more is wanted, whatever the worker still does."""
        self._error = self._error or error
        self._wake()

    async def take(self) -> list[Delta]:
        """What is new, at least one delta. Raises the error once all before it is read."""
        while not self._deltas:
            if self._error is not None:
                raise self._error
            # One reader and one writer: an event, which may have many, takes twice as long.
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        deltas, self._deltas = self._deltas, []
        return deltas

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
