"""An answer on its way: what the engine said so far, and how long it took."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.hygiene import clean
from bot.likeness import Made
from bot.ready import Look
from bot.reply import Sink
from engine.base import Delta, Finish, Usage


@dataclass(slots=True)
class Draft:
    """`refusal` is the reason why there is no answer, by its name in `Texts`.

    `made` is what its text is made with. `begun_s` is when the engine began with it, on the event
    loop's clock; None while it waits.
    """

    text: str = ""
    finish: Finish | None = None
    usage: Usage | None = None
    begun_s: float | None = None
    refusal: str | None = None
    retry_after_s: float = 0
    stopped: bool = False
    first_word_at: datetime | None = None
    turns_seen: int = 0
    look: Look = field(default_factory=Look)
    made: Made | None = None

    def begin(self) -> None:
        """The engine is asked."""
        self.text, self.begun_s = "", _now_s()

    async def take(self, delta: Delta, sink: Sink) -> None:
        """Take in one step of the engine's and show it."""
        if delta.waiting and not self.text:
            self.begun_s = None
            await sink.wait(delta.waiting.place, delta.waiting.eta_s)
        if delta.text:
            self.begun_s = self.begun_s or _now_s()
            self.first_word_at = self.first_word_at or datetime.now(UTC)
            self.text += clean(delta.text)
            if delta.finish is None:
                await sink.show(self.text)
        if delta.finish:
            self.finish, self.usage = delta.finish, delta.usage

    @property
    def computed_s(self) -> float:
        """How long the engine worked; of what was broken off, how long it was at it."""
        if self.usage:
            return self.usage.prefill_s + self.usage.decode_s
        return 0.0 if self.begun_s is None else _now_s() - self.begun_s


def _now_s() -> float:
    return asyncio.get_running_loop().time()
