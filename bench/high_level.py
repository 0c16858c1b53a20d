"""llama-cpp-python's high-level `Llama`: what most programs in Python use. One answer at a time."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from bench.side import Ask
from bot.heard import Heard
from engine.base import Message


class HighLevel:
    """A `Llama` in a thread of this process; a second question waits for the first's answer."""

    def __init__(self, model: Path, context: int, threads: int) -> None:
        import llama_cpp

        make = cast(Callable[..., Any], llama_cpp.Llama)
        self._llama = make(
            str(model), n_ctx=context, n_threads=threads, n_threads_batch=threads, verbose=False
        )
        self._one = threading.Lock()

    async def ask(self, ask: Ask) -> Heard:
        """See `Side.ask`."""
        return await asyncio.to_thread(self._ask, ask, perf_counter())

    async def rest(self, session: str, messages: tuple[Message, ...]) -> None:
        """See `Side.rest`: it has no word for it."""

    def close(self) -> None:
        """Free the model."""
        self._llama.close()

    def _ask(self, ask: Ask, asked: float) -> Heard:
        arrivals: list[float] = []
        text, tokens = "", 0
        with self._one:
            for piece in self._pieces(ask):
                tokens += 1
                if piece:
                    arrivals.append(perf_counter())
                    text += piece
        return Heard(asked, tuple(arrivals or [perf_counter()]), text, tokens, computed=0)

    def _pieces(self, ask: Ask) -> Iterator[str]:
        chunks = self._llama.create_chat_completion(
            messages=[{"role": m.role, "content": m.content} for m in ask.messages],
            max_tokens=ask.max_tokens,
            temperature=0,
            repeat_penalty=1.0,
            stream=True,
        )
        for chunk in chunks:
            yield chunk["choices"][0]["delta"].get("content") or ""
