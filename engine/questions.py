"""Questions to a worker that are answered by one frame each, by number."""

import asyncio
from collections.abc import Callable

from engine.frames import Wire, cancel_frame


class Gone(Exception):
    """The worker that was asked is no more."""


class Questions:
    """Those that wait for their answer."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[Wire]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    async def ask(self, question: Wire, send: Callable[[Wire], None]) -> Wire:
        """Send a question and wait for its answer. Raises `Gone`, and what `send` raises.

        Whoever stops to wait takes it back: the worker is told, and computes no more of it.
        """
        number: int = question["id"]
        future: asyncio.Future[Wire] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            send(question)
            return await future
        except asyncio.CancelledError:
            send(cancel_frame(number))
            raise
        finally:
            del self._waiting[number]

    def answer(self, frame: Wire) -> None:
        """An answer came; nobody may want it any more."""
        future = self._waiting.get(frame["id"])
        if future is not None and not future.done():
            future.set_result(frame)

    def give_up(self) -> None:
        """The worker that was asked is gone."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(Gone())
