"""How far a window that was shifted says what a window computed anew would have said.

Two sequences of one model go through the same conversation: in one, the oldest turn is cut out and
what follows moves up, slide after slide; the other is computed again each time. Both are then given
the same continuation token by token (teacher forcing), and the share of places is counted where
both hold the same token for the likeliest.
"""

import statistics
from collections import defaultdict

from bench.row import Bench, Figures, Row
from engine.base import Sampling
from engine.llama import Model, Sampler
from engine.machine import Row as Cell
from engine.slide import MOST_SHIFTS
from engine.tuning import PIECE_TOKENS, Tuning

CONTEXT = 2048
BATCH_TOKENS = 512
SYSTEM_TOKENS = 24
WINDOW_TURNS = 10


async def measure(bench: Bench) -> Figures:
    """Agreement by number of shifts, over all conversations."""
    tuning = Tuning(bench.threads, bench.threads, PIECE_TOKENS)
    model = Model(
        bench.model,
        context_tokens=CONTEXT,
        sequences=2,
        batch_tokens=BATCH_TOKENS,
        tuning=tuning,
    )
    sampler = model.sampler(Sampling(temperature=0, repeat_penalty=1.0))
    agreed: dict[int, list[float]] = defaultdict(list)
    try:
        for number in range(bench.size.agreement_talks):
            for shifts, share in enumerate(_talk(model, sampler, number, bench.size.turn_tokens)):
                agreed[shifts].append(share)
    finally:
        sampler.close()
        model.close()
    return {
        f"{shifts} shifts %": 100 * statistics.mean(shares) for shifts, shares in agreed.items()
    }


def _talk(model: Model, sampler: Sampler, number: int, turn: int) -> list[float]:
    """The agreement after 0, 1, 2 … shifts of one conversation with turns of so many tokens."""
    text = _story(model, number, SYSTEM_TOKENS + turn * (WINDOW_TURNS + MOST_SHIFTS + 1))
    system, rest = text[:SYSTEM_TOKENS], text[SYSTEM_TOKENS:]
    turns = [rest[at : at + turn] for at in range(0, len(rest), turn)]
    shifted = system + rest[: turn * WINDOW_TURNS]
    _reset(model)
    _fill(model, 0, 0, shifted)
    shares = [_agreement(model, sampler, shifted, turns[WINDOW_TURNS])]
    assert model.can_shift, "the model's cache cannot shift"
    for slides in range(1, MOST_SHIFTS + 1):
        end = SYSTEM_TOKENS + turn
        model.shift(0, SYSTEM_TOKENS, end)
        shifted = shifted[:SYSTEM_TOKENS] + shifted[end:]
        fresh = turns[WINDOW_TURNS + slides - 1]
        _fill(model, 0, len(shifted), fresh)
        shifted = shifted + fresh
        shares.append(_agreement(model, sampler, shifted, turns[WINDOW_TURNS + slides]))
    return shares


def _agreement(model: Model, sampler: Sampler, window: list[int], forced: list[int]) -> float:
    """Sequence 0 holds the window as it came about; sequence 1 computes it anew."""
    model.truncate(1, 0)
    _fill(model, 1, 0, window)
    ours, exact = (_likeliest(model, sampler, n, len(window), forced) for n in (0, 1))
    model.truncate(0, len(window))
    return sum(a == b for a, b in zip(ours, exact, strict=True)) / len(forced)


def _fill(model: Model, sequence: int, start: int, tokens: list[int]) -> None:
    """Compute tokens into a sequence."""
    for at in range(0, len(tokens), BATCH_TOKENS):
        chunk = tokens[at : at + BATCH_TOKENS]
        model.decode([Cell(t, start + at + i, sequence, wanted=False) for i, t in enumerate(chunk)])


def _likeliest(
    model: Model, sampler: Sampler, sequence: int, start: int, forced: list[int]
) -> list[int]:
    """The likeliest token after each of the forced ones."""
    model.decode([Cell(token, start + i, sequence, wanted=True) for i, token in enumerate(forced)])
    return [sampler.draw(row) for row in range(len(forced))]


def _story(model: Model, number: int, needed: int) -> list[int]:
    """Text of the model's own."""
    drawn = model.sampler(Sampling(temperature=1.0, repeat_penalty=1.0, seed=number))
    start = f"A long talk between Ann and Bob about subject {number}, and what they did that year."
    text = model.vocabulary.tokenize(start, special=False)
    _reset(model)
    model.decode([Cell(token, i, 0, wanted=True) for i, token in enumerate(text)])
    row = len(text) - 1
    while len(text) < needed:
        token = drawn.draw(row)
        if model.vocabulary.ends(token):
            token = model.vocabulary.tokenize("\n", special=False)[0]
        text.append(token)
        model.decode([Cell(token, len(text) - 1, 0, wanted=True)])
        row = 0
    drawn.close()
    return text[:needed]


def _reset(model: Model) -> None:
    for sequence in (0, 1):
        model.truncate(sequence, 0)


ROW = Row(
    "agreement",
    "Windows shifted, over windows computed anew: the same likeliest token",
    (),
    measure,
)
