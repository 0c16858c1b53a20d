"""Prompt look-up where it should pay: a paragraph that comes back with corrections.

What it could gain at most is what a batch of a draft's length gains over one token alone; its share
of that is the figure.
"""

from time import perf_counter

from bench.ours import Ours, ours
from bench.row import Aim, Bench, Figures, Row
from bench.side import Ask
from bot.heard import Heard
from engine.base import Message
from engine.llama import Model
from engine.llama import Row as Cell
from engine.payoff import LONGEST_DRAFT
from engine.plan import Plan
from engine.tuning import Tuning

CONTEXT = 1024
BATCH_TOKENS = 512
STEPS = 24
PARAGRAPH = (
    "The old harbour lies on the north side of the town. Every morning the boats comes in with "
    "fish, and the people from the market waits for them on the stone steps. In winter the water "
    "freeze and the boats stay in the sheds behind the church. Then the men mends their nets and "
    "tell each other storys until the ice is gone and the first ship leave the harbour again."
)
TASK = (
    Message("system", "You repeat texts word for word."),
    Message("user", f"Repeat this paragraph with the mistakes corrected:\n\n{PARAGRAPH}"),
)


async def measure(bench: Bench) -> Figures:
    """One round."""
    plain = await _rate(bench, lookup=False)
    helped = await _rate(bench, lookup=True)
    gain = _batch_gain(bench)
    return {
        "without tok/s": plain,
        "with tok/s": helped,
        "speed-up": helped / plain,
        f"a batch of {LONGEST_DRAFT} gains": gain,
        "share": helped / plain / gain,
    }


async def _rate(bench: Bench, *, lookup: bool) -> float:
    async with ours(bench.model, Plan(CONTEXT, 2, bench.threads, lookup=lookup)) as side:
        await _ask(side, "warm", 16)
        heard = await _ask(side, "repeat", bench.size.repeat_tokens)
    return (heard.tokens - 1) / (heard.arrivals[-1] - heard.arrivals[0])


async def _ask(side: Ours, session: str, tokens: int) -> Heard:
    return await side.ask(Ask(session, session, TASK, tokens))


def _batch_gain(bench: Bench) -> float:
    """Tokens a second of a draft's length at once, over one at a time, in one sequence."""
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
        together = _seconds_a_step(model, LONGEST_DRAFT)
    finally:
        model.close()
    return alone * LONGEST_DRAFT / together


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
    "Prompt look-up on a paragraph with corrections: its gain as a share of a batch's",
    (Aim("share", 0.75, at_least=True),),
    measure,
)
