"""Eight conversations at once: our engine against `llama-batched-bench` of the same build.

    python -m bench.engine_batch [--sessions 8] [--prompt 128] [--answer 128] [--rounds 5]

Both compute the same numbers of tokens with the same model and threads: `sessions` prompts of
`prompt` tokens and as many answers of `answer` tokens. Ours is measured as a person would have it,
from the first submit to the last end, through the client, the socket, sampling and text; the peer
times its decoding only and draws no tokens. Rounds are interleaved, figures are medians, and the
ratio is the median of the rounds' ratios. The aim is 1.1 at most.

The peer runs twice a round: with the environment that our worker runs in, and as it comes, with
compute threads that spin (on a busy machine that costs it much). The better one counts.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.peers import peer
from engine.base import Delta, Message, Request, Sampling
from engine.client import WorkerEngine
from engine.frames import Load
from engine.models import DEMO, ModelStore
from engine.plan import Plan, usable_cores

MODELS = Path(__file__).resolve().parent.parent / ".cache" / "models"
SYSTEM = Message("system", "You write long stories.")
SAME_ENVIRONMENT = {"GOMP_SPINCOUNT": "1000"}
AIM = 1.1


@dataclass(frozen=True, slots=True)
class Setup:
    """What both sides compute."""

    model: Path
    sessions: int
    prompt: int
    answer: int
    threads: int

    @property
    def context(self) -> int:
        """Tokens of a conversation's context, a multiple of the cache's granularity."""
        return -(-(self.prompt + self.answer + 64) // 256) * 256


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of a round: ours, the peer's in our environment, the peer's as it comes."""

    ours: float
    peer_same: float
    peer_default: float

    @property
    def ratio(self) -> float:
        return self.ours / min(self.peer_same, self.peer_default)


async def prompts(engine: WorkerEngine, setup: Setup) -> list[tuple[Message, ...]]:
    """Prompts of exactly `setup.prompt` tokens whose answers are not over too early."""
    found: list[tuple[Message, ...]] = []
    for number in range(100):
        messages = await _padded(engine, setup, f"Write a very long story about {number} foxes.")
        if messages is not None:
            *_, last = [d async for d in engine.stream(_request(f"try{number}", messages, setup))]
            await engine.forget(f"try{number}")
            if last.usage and last.usage.completion_tokens == setup.answer:
                found.append(messages)
        if len(found) == setup.sessions:
            return found
    raise SystemExit("the model ends its answers too early; choose a smaller --answer")


async def _padded(engine: WorkerEngine, setup: Setup, text: str) -> tuple[Message, ...] | None:
    for words in range(setup.prompt):
        user = Message("user", text + " It should be long and full of detail." + " fox" * words)
        size = sum(await engine.count([SYSTEM, user]))
        if size >= setup.prompt:
            return (SYSTEM, user) if size == setup.prompt else None
    return None


def _request(session: str, messages: tuple[Message, ...], setup: Setup) -> Request:
    sampling = Sampling(temperature=0, max_tokens=setup.answer)
    return Request(session, session, messages, sampling, deadline_s=600)


async def ours(engine: WorkerEngine, setup: Setup, asked: list[tuple[Message, ...]]) -> float:
    """Seconds from the first submit to the last end."""
    for number in range(len(asked)):
        await engine.forget(f"s{number}")

    async def read(number: int) -> Delta:
        *_, last = [d async for d in engine.stream(_request(f"s{number}", asked[number], setup))]
        return last

    began = time.perf_counter()
    ends = await asyncio.gather(*[read(number) for number in range(len(asked))])
    took = time.perf_counter() - began
    for end in ends:
        assert end.usage is not None
        assert end.usage.prefilled_tokens == setup.prompt, "the same tokens must be computed"
        assert end.usage.completion_tokens == setup.answer
    return took


def theirs(setup: Setup, environment: dict[str, str]) -> float:
    """Seconds of `llama-batched-bench` for the same tokens."""
    command = [
        str(peer("llama-batched-bench")), "-m", str(setup.model),
        "-c", str(setup.context * setup.sessions), "-npp", str(setup.prompt),
        "-ntg", str(setup.answer), "-npl", str(setup.sessions),
        "-t", str(setup.threads), "-tb", str(setup.threads), "--output-format", "jsonl",
    ]  # fmt: skip
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | environment
    )
    (line,) = [text for text in done.stdout.splitlines() if text.startswith("{")]
    return float(json.loads(line)["t"])


async def measure(setup: Setup, rounds: int) -> list[Times]:
    """Interleaved rounds, after one that warms up."""
    plan = Plan(setup.context, setup.sessions, setup.threads)
    times: list[Times] = []
    async with WorkerEngine(Load(str(setup.model), "", "", plan)) as engine:
        asked = await prompts(engine, setup)
        for number in range(rounds + 1):
            round_ = Times(
                await ours(engine, setup, asked),
                await asyncio.to_thread(theirs, setup, SAME_ENVIRONMENT),
                await asyncio.to_thread(theirs, setup, {}),
            )
            if number:
                times.append(round_)
                print(_row(str(number), round_), flush=True)
    return times


def _row(name: str, times: Times) -> str:
    cells = (times.ours, times.peer_same, times.peer_default, times.ratio)
    return f"| {name:>6} |" + "|".join(f" {cell:11.3f} " for cell in cells) + "|"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("--answer", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=usable_cores())
    options = parser.parse_args()
    model = ModelStore(MODELS).pull(DEMO.source, name=DEMO.name, sha256=DEMO.sha256)
    setup = Setup(model.path, options.sessions, options.prompt, options.answer, options.threads)
    peer("llama-batched-bench")

    print(f"{setup.sessions} × ({setup.prompt} + {setup.answer}) tokens, {setup.threads} threads")
    print("|  round |      ours s |      peer s | peer spin s |       ratio |")
    print("|-------:|------------:|------------:|------------:|------------:|")
    times = asyncio.run(measure(setup, options.rounds))
    ratio = statistics.median(round_.ratio for round_ in times)
    median = Times(*[statistics.median(getattr(t, n) for t in times) for n in Times.__slots__])
    print(_row("median", median))
    print(f"\nmedian ratio {ratio:.3f} (aim: {AIM} at most)")


if __name__ == "__main__":
    main()
