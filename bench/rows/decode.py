"""Tokens a second of answers alone, against llama.cpp's own tool for that.

Ours is measured as readers have it, through the client, the socket, sampling and text: from the
moment when all are being written until the first one ends. The peer only computes. It is tried in
our worker's environment and as it comes, with one cache and with a split one; what was quickest is
compared. A token takes longer the more stand before it, so the peer begins behind as many as ours
do. A shared host is faster in one minute than in the next, so the sides take turns of seconds, and
a ratio is the median of what each turn's two figures give.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench import SLEEPY
from bench.ours import Ours, ours
from bench.peers import peer
from bench.row import Aim, Bench, Figures, Row
from bench.side import Ask
from bot.heard import Heard, rate_together
from bot.rehearsal import Talk
from engine.plan import Plan

AIMED_WIDTHS = (1, 8, 32)
CONTEXT = 256
SPINNING = {name: value for name, value in os.environ.items() if name not in SLEEPY}
TURNS = 5


@dataclass(frozen=True, slots=True)
class Way:
    """A way to run the peer: an option of its cache, and its environment."""

    cache: str
    environment: dict[str, str]


WAYS = (
    Way("-no-kvu", SPINNING | SLEEPY),
    Way("-kvu", SPINNING | SLEEPY),
    Way("-no-kvu", SPINNING),
)


@dataclass(frozen=True, slots=True)
class Written:
    """Answers that were written together: tokens a second, and the tokens that stood before those
    of an answer, on average, when it was first measured."""

    rate: float
    behind: int


async def measure(bench: Bench) -> Figures:
    """One round."""
    plan = Plan(CONTEXT, max(bench.size.widths), bench.threads, lookup=False)
    figures: Figures = {}
    async with ours(bench.model, plan) as side:
        await together(side, 1, 4)
        for width in bench.size.widths:
            figures |= await _compare(bench, side, width)
    return figures


async def _compare(bench: Bench, side: Ours, width: int) -> Figures:
    tokens = bench.size.decode_tokens
    behind = (await together(side, width, tokens)).behind
    tried = [await asyncio.to_thread(_theirs, bench, width, behind, way) for way in WAYS]
    quickest = WAYS[tried.index(max(tried))]
    written: list[Written] = []
    theirs: list[float] = []
    for _ in range(TURNS):
        written.append(await together(side, width, tokens))
        behind = written[-1].behind
        theirs.append(await asyncio.to_thread(_theirs, bench, width, behind, quickest))
    return {
        f"B={width} begins behind, tokens": median(each.behind for each in written),
        f"ours B={width} tok/s": median(each.rate for each in written),
        f"peer B={width} tok/s": median(theirs),
        f"ratio B={width}": median(
            each.rate / rate for each, rate in zip(written, theirs, strict=True)
        ),
    }


async def together(side: Ours, width: int, tokens: int) -> Written:
    """`width` answers, as long as all of them are being written."""
    talks = [Talk(f"b{width}-{number}", number, words=8) for number in range(width)]
    heard = await asyncio.gather(*[_answer(side, talk, tokens + 2 * width) for talk in talks])
    prompts = [sum(await side.engine.count(talk.question())) for talk in talks]
    return Written(rate_together(heard), tokens_before(heard, prompts))


async def _answer(side: Ours, talk: Talk, tokens: int) -> Heard:
    """An answer with so many `tokens` that it is not over before the last one has begun."""
    heard = await side.ask(Ask(talk.session, talk.session, talk.question(), tokens))
    await side.engine.forget(talk.session)
    return heard


def tokens_before(answers: Sequence[Heard], prompts: Sequence[int]) -> int:
    """Tokens of its prompt and its own that an answer has, on average, when the last one begins."""
    begin = max(each.arrivals[0] for each in answers)
    pieces = (piece for each in answers for piece in zip(each.arrivals, each.sizes, strict=True))
    written = sum(tokens for moment, tokens in pieces if moment <= begin)
    return round((sum(prompts) + written) / len(answers))


def _theirs(bench: Bench, width: int, behind: int, way: Way) -> float:
    command = [
        str(peer("llama-batched-bench")), "-m", str(bench.model),
        "-c", str(CONTEXT * width), "-b", "512", "-npp", str(behind), way.cache,
        "-ntg", str(bench.size.decode_tokens), "-npl", str(width),
        "-t", str(bench.threads), "-tb", str(bench.threads), "--output-format", "jsonl",
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=way.environment)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return float(lines[-1]["speed_tg"])


ROW = Row(
    "decode",
    "Answers alone, tokens a second at B = 1, 8, 32, over `llama-batched-bench`",
    tuple(Aim(f"ratio B={width}", 0.97, at_least=True) for width in AIMED_WIDTHS),
    measure,
)
