"""Tokens a second of answers alone, against llama.cpp's own tool for that.

Ours is measured as readers have it, through the client, the socket, sampling and text: from the
moment when all are being written until the first one ends. The peer only computes; it runs in our
worker's environment and as it comes, with one cache and with a split one. A token takes longer the
more stand before it, so the peer begins behind as many as ours do. Each side runs three times by
turns and its best counts, for whatever else runs only makes it slower.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

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
VARIANTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("-no-kvu", SPINNING | SLEEPY),
    ("-kvu", SPINNING | SLEEPY),
    ("-no-kvu", SPINNING),
)


@dataclass(frozen=True, slots=True)
class Written:
    """Answers that were written together: tokens a second, and the tokens that stood before those
    of an answer, on average, when it was first measured."""

    rate: float
    behind: int


async def measure(bench: Bench) -> Figures:
    """One round."""
    widths = bench.size.widths
    ours_best, peer_best = dict.fromkeys(widths, 0.0), dict.fromkeys(widths, 0.0)
    figures: Figures = {}
    for variant in VARIANTS:
        written = await _ours(bench)
        _keep_best(ours_best, {width: each.rate for width, each in written.items()})
        for width, each in written.items():
            rate = await asyncio.to_thread(_theirs, bench, width, each.behind, *variant)
            _keep_best(peer_best, {width: rate})
            figures[f"B={width} begins behind, tokens"] = each.behind
    for width in widths:
        figures[f"ours B={width} tok/s"] = ours_best[width]
        figures[f"peer B={width} tok/s"] = peer_best[width]
        figures[f"ratio B={width}"] = ours_best[width] / peer_best[width]
    return figures


def _keep_best(best: dict[int, float], rates: dict[int, float]) -> None:
    for width, rate in rates.items():
        best[width] = max(best[width], rate)


async def _ours(bench: Bench) -> dict[int, Written]:
    widths = bench.size.widths
    plan = Plan(CONTEXT, max(widths), bench.threads, lookup=False)
    async with ours(bench.model, plan) as side:
        await together(side, 1, 4)
        return {width: await together(side, width, bench.size.decode_tokens) for width in widths}


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


def _theirs(
    bench: Bench, width: int, behind: int, cache: str, environment: dict[str, str]
) -> float:
    command = [
        str(peer("llama-batched-bench")), "-m", str(bench.model),
        "-c", str(CONTEXT * width), "-b", "512", "-npp", str(behind), cache,
        "-ntg", str(bench.size.decode_tokens), "-npl", str(width),
        "-t", str(bench.threads), "-tb", str(bench.threads), "--output-format", "jsonl",
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return float(lines[-1]["speed_tg"])


ROW = Row(
    "decode",
    "Answers alone, tokens a second at B = 1, 8, 32, over `llama-batched-bench`",
    tuple(Aim(f"ratio B={width}", 0.97, at_least=True) for width in AIMED_WIDTHS),
    measure,
)
