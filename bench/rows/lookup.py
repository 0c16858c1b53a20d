"""Prompt look-up where it should pay: texts that come back with corrections.

What it could gain at most is what a batch of a draft and the token before it gains over one token
alone; its share of that is the figure, in tokens a second over all texts together.
"""

from itertools import islice
from time import perf_counter

from bench.corrections import SYSTEM, TASKS
from bench.ours import Ours, ours
from bench.row import Aim, Bench, Figures, Row
from bench.side import Ask
from bot.heard import Heard
from engine.base import Message
from engine.llama import Model
from engine.machine import Row as Cell
from engine.payoff import LONGEST_DRAFT
from engine.plan import Plan
from engine.tuning import Tuning

CONTEXT = 1024
BATCH_TOKENS = 512
STEPS = 24
BATCH = LONGEST_DRAFT + 1
SHORTEST_S = 0.001
"""A short answer may come in one piece, of which no rate is known."""


async def measure(bench: Bench) -> Figures:
    """One round: each text without and with, one right after the other."""
    plain, helped = Plan(CONTEXT, 2, bench.threads, lookup=False), Plan(CONTEXT, 2, bench.threads)
    async with ours(bench.model, plain) as without, ours(bench.model, helped) as with_it:
        for side in (without, with_it):
            await _ask(side, "warm", next(iter(TASKS.values())), 16)
        heard: dict[str, tuple[Heard, Heard]] = {}
        for kind, text in islice(TASKS.items(), bench.size.repeat_texts):
            tokens = bench.size.repeat_tokens
            one = await _ask(without, kind, text, tokens)
            heard[kind] = one, await _ask(with_it, kind, text, tokens)
    before, after = (_rate([pair[i] for pair in heard.values()]) for i in (0, 1))
    gain = _batch_gain(bench)
    return {
        "without tok/s": before,
        "with tok/s": after,
        "speed-up": after / before,
        f"a batch of {BATCH} gains": gain,
        "share": after / before / gain,
        **{f"{kind} speed-up": _rate([b]) / _rate([a]) for kind, (a, b) in heard.items()},
    }


def _rate(answers: list[Heard]) -> float:
    """Tokens a second behind the first piece of text."""
    tokens = sum(sum(heard.sizes[1:]) for heard in answers)
    seconds = sum(heard.arrivals[-1] - heard.arrivals[0] for heard in answers)
    return max(1, tokens) / max(SHORTEST_S, seconds)


async def _ask(side: Ours, session: str, text: str, tokens: int) -> Heard:
    messages = (SYSTEM, Message("user", text))
    return await side.ask(Ask(session, session, messages, tokens))


def _batch_gain(bench: Bench) -> float:
    """Tokens a second of a draft's batch at once, over one at a time, in one sequence."""
    tuning = Tuning(bench.threads, bench.threads, BATCH_TOKENS)
    model = Model(
        bench.model,
        context_tokens=CONTEXT,
        sequences=1,
        batch_tokens=BATCH_TOKENS,
        tuning=tuning,
    )
    try:
        alone = _seconds_a_step(model, 1)
        together = _seconds_a_step(model, BATCH)
    finally:
        model.close()
    return alone * BATCH / together


def _seconds_a_step(model: Model, tokens: int) -> float:
    model.truncate(0, 0)
    began = 0.0
    for step in range(STEPS + 1):
        if step == 1:
            began = perf_counter()
        start = step * tokens
        model.decode([Cell(100 + i, start + i, 0, wanted=True) for i in range(tokens)])
    return (perf_counter() - began) / STEPS


ROW = Row(
    "look-up",
    "Prompt look-up on texts with corrections: its gain as a share of a batch's",
    (Aim("share", 0.75, at_least=True),),
    measure,
)
