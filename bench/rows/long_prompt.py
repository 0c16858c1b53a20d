"""A prompt of 4,000 tokens: what a reader feels of it, and how fast `/stop` ends it."""

import asyncio
import itertools
import math
from dataclasses import dataclass
from time import perf_counter

from bench.load import percentile
from bench.ours import Ours, ours, request_of
from bench.row import Aim, Bench, Figures, Row
from bench.side import Ask
from bot.heard import Heard
from bot.rehearsal import SYSTEM, Talk
from engine.base import Message
from engine.frames import Load
from engine.loading import open_model
from engine.loop import Loop
from engine.plan import Plan

CONTEXT = 5120
POLL_S = 0.002
ALONE_ANSWERS = 4


Piece = tuple[float, int]
"""When a piece of an answer came, and its tokens."""


@dataclass(frozen=True, slots=True)
class Grown:
    """A piece of text: its tokens, and the seconds since the one before it."""

    after_s: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What somebody read: by itself, and while the long prompt was computed, which had `computed`
    tokens to compute and took `took_s`."""

    without: list[Grown]
    beside: list[Grown]
    computed: int
    took_s: float


async def reader(bench: Bench) -> Figures:
    """The reader's intervals without the long prompt, and while it is computed.

    The reader has one answer of ordinary length after another, here as there: a single one that is
    written all that time would grow slow of its own length. Tokens are timed where they are drawn,
    in the step loop; pieces where they are read, at the end of the bot's client, for which text is
    gathered as long as nobody sees.
    """
    drawn = await asyncio.to_thread(_drawn, bench)
    read = await _read(bench)
    figures: Figures = {"prompt tokens": float(read.computed)}
    for name in ("without", "beside"):
        grown: list[Grown] = getattr(drawn, name)
        tokens = [each.after_s / each.tokens for each in grown for _ in range(each.tokens)]
        pieces = [each.after_s for each in getattr(read, name)]
        figures[f"{name} p99 ms"] = percentile(tokens, 99) * 1e3
        figures[f"{name} p50 ms"] = percentile(tokens, 50) * 1e3
        figures[f"{name}, pieces, p99 ms"] = percentile(pieces, 99) * 1e3
    figures["prefill tok/s"] = read.computed / read.took_s
    figures["ratio"] = figures["beside p99 ms"] / figures["without p99 ms"]
    figures["ratio of pieces"] = (
        figures["beside, pieces, p99 ms"] / figures["without, pieces, p99 ms"]
    )
    return figures


async def _read(bench: Bench) -> Reading:
    """... at the end of the client."""
    ask = _ordinary(bench)
    async with ours(bench.model, _plan(bench)) as side:
        await side.ask(ask)
        alone = [await side.ask(ask) for _ in range(ALONE_ANSWERS)]
        enough = asyncio.Event()
        reading = asyncio.create_task(_read_on(side, ask, enough))
        long = await side.ask(_long(bench, "long"))
        enough.set()
        answers = await reading
    first_s = long.arrivals[0]
    without = [each for heard in alone for each in _grown(_pieces(heard))]
    beside = [e for heard in answers for e in _grown(_pieces(heard), long.asked, first_s)]
    return Reading(without, beside, long.computed, long.first_s)


async def _read_on(side: Ours, ask: Ask, enough: asyncio.Event) -> list[Heard]:
    """Read answers, until there are enough and the last one ended."""
    heard: list[Heard] = []
    while not enough.is_set():
        heard.append(await side.ask(ask))
    return heard


def _pieces(heard: Heard) -> list[Piece]:
    return [*zip(heard.arrivals, heard.sizes, strict=True)]


def _grown(pieces: list[Piece], since: float = -math.inf, until: float = math.inf) -> list[Grown]:
    """What an answer grew by after each piece that came in this time."""
    pairs = itertools.pairwise(pieces)
    return [
        Grown(late - early, tokens) for (early, _), (late, tokens) in pairs if since < early < until
    ]


def _drawn(bench: Bench) -> Reading:
    """... in the step loop, in this process."""
    steps = Steps(bench)
    ask = _ordinary(bench)
    steps.run(ask)
    without = [each for _ in range(ALONE_ANSWERS) for each in _grown(steps.run(ask))]
    began_s, long = perf_counter(), steps.submit(_long(bench, "long"))
    beside: list[Grown] = []
    while long not in steps.computed:
        beside += _grown(steps.run(ask), until=steps.began_s(long))
    took_s = steps.began_s(long) - began_s
    steps.model.close()
    return Reading(without, beside, steps.computed[long], took_s)


class Steps:
    """The worker's step loop without a worker around it."""

    def __init__(self, bench: Bench) -> None:
        plan = _plan(bench)
        loaded = open_model(Load(str(bench.model), "", "", plan))
        self.model = loaded.model
        self.pieces: dict[int, list[Piece]] = {}
        self.computed: dict[int, int] = {}
        self._prompter = loaded.prompter
        self._loop = Loop(loaded.model, plan, perf_counter)

    def submit(self, ask: Ask) -> int:
        """Ask; the number under which the answer's pieces are noted."""
        number, request = len(self.pieces), request_of(ask)
        self.pieces[number] = []
        self._loop.submit(number, request, self._prompter.prompt(request.messages, _as_it_is))
        return number

    def run(self, ask: Ask) -> list[Piece]:
        """Ask, and step until this answer is whole; its pieces."""
        number = self.submit(ask)
        while number not in self.computed:
            report = self._loop.step()
            now = perf_counter()
            for other, piece in report.texts.items():
                self.pieces[other].append((now, piece.tokens))
            for other, (_, usage) in report.done.items():
                self.computed[other] = usage.prefilled_tokens
        return self.pieces[number]

    def began_s(self, number: int) -> float:
        """When an answer's first piece came; not yet is infinitely late."""
        return self.pieces[number][0][0] if self.pieces[number] else math.inf


def _as_it_is(_: str) -> None:
    """Nothing said before is spelled otherwise than the tokenizer does."""


async def stop(bench: Bench) -> Figures:
    """From closing the stream until the worker says that nothing runs."""
    took: list[float] = []
    async with ours(bench.model, Plan(CONTEXT, 2, bench.threads)) as side:
        for number in range(bench.size.stops):
            took.append(await _stopped(side, _long(bench, f"stop{number}"), 0.4 + number * 0.13))
    return {"p50 ms": percentile(took, 50) * 1e3, "longest ms": max(took) * 1e3}


async def _stopped(side: Ours, ask: Ask, after_s: float) -> float:
    asking = asyncio.create_task(side.ask(ask))
    while (await side.engine.status()).running == 0:
        await asyncio.sleep(POLL_S)
        if asking.done():
            asking.result()  # says why it was refused
    await asyncio.sleep(after_s)
    stopped = perf_counter()
    asking.cancel()
    while (await side.engine.status()).running:
        await asyncio.sleep(POLL_S)
    took = perf_counter() - stopped
    await side.engine.forget(ask.session)
    return took


def _plan(bench: Bench) -> Plan:
    return Plan(CONTEXT, 2, bench.threads, lookup=False)


def _ordinary(bench: Bench) -> Ask:
    return Ask("reads", "reader", Talk("reads", 3, words=4).question(), bench.size.read_tokens)


def _long(bench: Bench, session: str) -> Ask:
    text = " ".join(f"item {number % 97}" for number in range(bench.size.long_words))
    return Ask(session, "writer", (SYSTEM, Message("user", f"{session}: sum up {text}")), 4)


READER = Row(
    "reader",
    "A reader's p99 interval while 4,000 tokens are prefilled, over without",
    (Aim("ratio", 2.0),),
    reader,
)
STOP = Row("stop", "`/stop` in a prefill of 4,000 tokens, ms", (Aim("longest ms", 150.0),), stop)
