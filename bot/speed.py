"""How fast an engine answers on this machine: prompts, answers, and the wait for the first word.

Greedy and without a penalty, so that every run computes the same. What is done with the figures is
the caller's.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from bot.heard import Heard, hear, rate_together
from bot.rehearsal import Talk
from engine.base import Engine, Request, Sampling

WIDTHS = (1, 2, 4, 8, 16, 32)
ANSWER_TOKENS = 32
PROMPT_WORDS = 150
TURN_TOKENS = 12
TURNS_AFTER_SLIDE = 4
DEADLINE_S = 900.0

Report = Callable[[int, int], None]
"""Takes how many steps are done, of how many."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second of a prompt, and of answers by how many are written at once; milliseconds to
    the first word by turn of one conversation, the first turn's first."""

    prefill: float
    decode: dict[int, float]
    firsts_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is measured: with how many answers at once, and over how many turns."""

    engine: Engine
    sequences: int
    window_turns: int
    pause_s: float

    @property
    def widths(self) -> list[int]:
        """How many answers are written at once."""
        return [width for width in WIDTHS if width <= self.sequences]

    @property
    def turns(self) -> int:
        """Turns of the conversation: beyond the window, so that it slides."""
        return self.window_turns + TURNS_AFTER_SLIDE

    async def run(self, report: Report) -> Speed:
        """Measure. Raises `EngineError`s."""
        steps = 2 + len(self.widths) + self.turns
        await self._ask(Talk("warm", 1, 2), 4)
        report(1, steps)
        prefill = await self._prefill()
        report(2, steps)
        decode: dict[int, float] = {}
        for done, width in enumerate(self.widths, start=3):
            decode[width] = await self._together(width)
            report(done, steps)
        return Speed(prefill, decode, await self._turns(report, steps))

    async def _prefill(self) -> float:
        heard = await self._ask(Talk("prompt", 2, PROMPT_WORDS), 1)
        return heard.computed / heard.first_s

    async def _together(self, width: int) -> float:
        # Whoever begins early must not end before the last one has begun.
        tokens = ANSWER_TOKENS + 2 * width
        talks = [Talk(f"b{width}-{number}", number, 8) for number in range(width)]
        return rate_together(await asyncio.gather(*[self._ask(talk, tokens) for talk in talks]))

    async def _turns(self, report: Report, steps: int) -> tuple[float, ...]:
        talk = Talk("turns", 3, 4, self.window_turns)
        firsts: list[float] = []
        for turn in range(self.turns):
            heard = await self._ask(talk, TURN_TOKENS)
            firsts.append(heard.first_s * 1e3)
            talk.hear(heard.text)
            if talk.slides:
                await self.engine.prepare(talk.session, talk.window())
            # A person reads before they write; what the engine does meanwhile is part of it.
            await asyncio.sleep(self.pause_s)
            report(steps - self.turns + turn + 1, steps)
        return tuple(firsts)

    async def _ask(self, talk: Talk, tokens: int) -> Heard:
        sampling = Sampling(temperature=0, repeat_penalty=1.0, max_tokens=tokens)
        request = Request(talk.session, talk.session, talk.question(), sampling, DEADLINE_S)
        return await hear(self.engine, request, perf_counter)
