"""An answer as its reader has it: when each piece of text came, and what it took."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from engine.base import Engine, Request, Usage


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer as its reader had it.

    `asked` and `arrivals` are the clock's readings (seconds) of the question and of each piece of
    text, `sizes` the tokens of each piece; `computed` are the prompt's tokens that were not there
    already.
    """

    asked: float
    arrivals: tuple[float, ...]
    text: str
    tokens: int
    computed: int
    slide: str = ""
    sizes: tuple[int, ...] = ()

    @property
    def first_s(self) -> float:
        """Seconds until the first word."""
        return self.arrivals[0] - self.asked

    @property
    def gaps_s(self) -> list[float]:
        """Seconds between the pieces of text."""
        return [b - a for a, b in zip(self.arrivals, self.arrivals[1:], strict=False)]


async def hear(engine: Engine, request: Request, clock: Callable[[], float]) -> Heard:
    """Ask, and read to the end. Raises `EngineError`s."""
    asked, text = clock(), ""
    arrivals, sizes = list[float](), list[int]()
    usage: Usage | None = None
    async with aclosing(engine.stream(request)) as deltas:
        async for delta in deltas:
            if delta.text:
                arrivals.append(clock())
                sizes.append(delta.tokens)
                text += delta.text
            usage = delta.usage or usage
    assert usage is not None, "the last delta has the usage"
    times = tuple(arrivals or [clock()])
    tokens, computed = usage.completion_tokens, usage.prefilled_tokens
    return Heard(asked, times, text, tokens, computed, usage.slide, tuple(sizes))


def rate_together(answers: Sequence[Heard]) -> float:
    """Tokens a second, from the moment when all are being written until the first ends."""
    begin = max(each.arrivals[0] for each in answers)
    end = min(each.arrivals[-1] for each in answers)
    pieces = (piece for each in answers for piece in zip(each.arrivals, each.sizes, strict=True))
    written = sum(tokens for moment, tokens in pieces if begin < moment <= end)
    return written / (end - begin) if end > begin else 0.0
