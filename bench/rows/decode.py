"""Tokens a second of answers alone, against llama.cpp's own tool for that.

Ours is measured as readers have it, through the client, the socket, sampling and text: from the
moment when all are being written until the first one ends. The peer only computes; it runs in our
worker's environment and as it comes, with one cache and with a split one. Each side runs three
times by turns and its best counts, for whatever else runs only makes it slower.
"""

import asyncio
import json
import os
import subprocess

from bench import SLEEPY
from bench.ours import Ours, ours
from bench.peers import peer
from bench.row import Aim, Bench, Figures, Row
from bench.side import Ask
from bot.heard import Heard, rate_together
from bot.rehearsal import Talk
from engine.plan import Plan

AIMED_WIDTHS = (1, 8, 32)
PROMPT_TOKENS = 48
CONTEXT = 256
SPINNING = {name: value for name, value in os.environ.items() if name not in SLEEPY}
VARIANTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("-no-kvu", SPINNING | SLEEPY),
    ("-kvu", SPINNING | SLEEPY),
    ("-no-kvu", SPINNING),
)


async def measure(bench: Bench) -> Figures:
    """One round."""
    widths = bench.size.widths
    ours_best, peer_best = dict.fromkeys(widths, 0.0), dict.fromkeys(widths, 0.0)
    for variant in VARIANTS:
        _keep_best(ours_best, await _ours(bench))
        _keep_best(peer_best, await asyncio.to_thread(_theirs, bench, *variant))
    figures: Figures = {}
    for width in widths:
        figures[f"ours B={width} tok/s"] = ours_best[width]
        figures[f"peer B={width} tok/s"] = peer_best[width]
        figures[f"ratio B={width}"] = ours_best[width] / peer_best[width]
    return figures


def _keep_best(best: dict[int, float], rates: dict[int, float]) -> None:
    for width in best:
        best[width] = max(best[width], rates[width])


async def _ours(bench: Bench) -> dict[int, float]:
    widths = bench.size.widths
    plan = Plan(CONTEXT, max(widths), bench.threads, lookup=False)
    async with ours(bench.model, plan) as side:
        await together(side, 1, 4)
        return {width: await together(side, width, bench.size.decode_tokens) for width in widths}


async def together(side: Ours, width: int, tokens: int) -> float:
    """Tokens a second of `width` answers while all of them are being written."""
    heard = await asyncio.gather(*[_answer(side, width, n, tokens) for n in range(width)])
    return rate_together(heard)


async def _answer(side: Ours, width: int, number: int, tokens: int) -> Heard:
    session = f"b{width}-{number}"
    # Whoever begins early must not end before the last one has begun.
    later = tokens + 2 * width
    ask = Ask(session, session, Talk(session, number, words=8).question(), later)
    heard = await side.ask(ask)
    await side.engine.forget(session)
    return heard


def _theirs(bench: Bench, cache: str, environment: dict[str, str]) -> dict[int, float]:
    command = [
        str(peer("llama-batched-bench")), "-m", str(bench.model),
        "-c", str(CONTEXT * max(bench.size.widths)), "-b", "512", "-npp", str(PROMPT_TOKENS), cache,
        "-ntg", str(bench.size.decode_tokens), "-npl", ",".join(map(str, bench.size.widths)),
        "-t", str(bench.threads), "-tb", str(bench.threads), "--output-format", "jsonl",
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {int(line["pl"]): float(line["speed_tg"]) for line in lines}


ROW = Row(
    "decode",
    "Answers alone, tokens a second at B = 1, 8, 32, over `llama-batched-bench`",
    tuple(Aim(f"ratio B={width}", 0.97, at_least=True) for width in AIMED_WIDTHS),
    measure,
)
