"""Fifty people: with time to think, with fewer sequences than people, and without any pause.

The peer is llama-server in the best of its settings; which one that is, is a measurement too.
"""

from contextlib import AbstractAsyncContextManager

from bench.llama_server import SETTINGS, LlamaServer, Setting, llama_server
from bench.load import Crowd, Crowded, gather, percentile
from bench.ours import ours
from bench.row import Aim, Bench, Figures, Row
from bot.rehearsal import WINDOW_TURNS
from engine.plan import Plan

CONTEXT = 1024
BEFORE = range(2, WINDOW_TURNS + 1)
AFTER = range(WINDOW_TURNS + 2, 1000)
ALL = range(2, 1000)
PARK_BYTES = 1 << 30
"""Room for all who have no sequence; the server's cache for them (`--cache-ram`) takes 8 GiB."""


async def trial(bench: Bench) -> Figures:
    """Every setting of the server with people who have three turns; the least p95 is the best."""
    figures: Figures = {}
    for slots in bench.size.slots:
        for setting in SETTINGS:
            async with _server(bench, slots, setting) as side:
                crowded = await gather(side, bench.size.trial)
            name = setting_figure(slots, setting)
            figures[name] = percentile(crowded.firsts(ALL), 95) * 1e3
    return figures


def setting_figure(slots: int, setting: Setting) -> str:
    """The name under which the trial of a setting stands."""
    return f"{slots} slots, {setting.name}: p95 ms"


def best_settings(figures: Figures, slots: tuple[int, int]) -> dict[int, Setting]:
    """The settings that a trial found best."""
    tried = [n for n in slots if setting_figure(n, SETTINGS[0]) in figures]
    return {n: min(SETTINGS, key=lambda s: figures[setting_figure(n, s)]) for n in tried}


async def thinking(bench: Bench) -> Figures:
    """A sequence for everybody."""
    return await _compare(bench, bench.size.slots[0], bench.size.team)


async def parked(bench: Bench) -> Figures:
    """Fewer sequences than people."""
    return await _compare(bench, bench.size.slots[1], bench.size.team)


async def saturated(bench: Bench) -> Figures:
    """No pause at all: what counts is how many turns are done."""
    return await _compare(bench, bench.size.slots[0], bench.size.rush)


async def _compare(bench: Bench, slots: int, crowd: Crowd) -> Figures:
    figures: Figures = {}
    async with ours(bench.model, _plan(bench, slots)) as side:
        _note(figures, "ours", await gather(side, crowd))
    async with _server(bench, slots, bench.best_for(slots)) as side:
        _note(figures, "server", await gather(side, crowd))
    for name in ("p50", "p95"):
        figures[f"{name} ratio"] = figures[f"ours {name} ms"] / figures[f"server {name} ms"]
    figures["rate ratio"] = figures["ours turns/s"] / figures["server turns/s"]
    return figures


def _plan(bench: Bench, slots: int) -> Plan:
    return Plan(CONTEXT, slots, bench.threads, waiting=256, park_bytes=PARK_BYTES)


def _server(bench: Bench, slots: int, setting: Setting) -> AbstractAsyncContextManager[LlamaServer]:
    return llama_server(bench.shape(slots, CONTEXT), setting)


def _note(figures: Figures, name: str, crowded: Crowded) -> None:
    firsts = crowded.firsts(ALL)
    figures[f"{name} p50 ms"] = percentile(firsts, 50) * 1e3
    figures[f"{name} p95 ms"] = percentile(firsts, 95) * 1e3
    for part, turns in (("turns before the slide", BEFORE), ("turns after the slide", AFTER)):
        if some := crowded.firsts(turns):
            figures[f"{name} {part} p50 ms"] = percentile(some, 50) * 1e3
            figures[f"{name} {part} p95 ms"] = percentile(some, 95) * 1e3
    figures[f"{name} turns/s"] = len(crowded.said) / crowded.took_s
    tokens = sum(each.heard.tokens for each in crowded.said)
    figures[f"{name} tokens a turn"] = tokens / len(crowded.said)
    slid = [each.heard.computed for each in crowded.said if each.turn in AFTER]
    if slid:
        figures[f"{name} prompt tokens computed after the slide"] = sum(slid) / len(slid)
    for how in ("shifted", "warmed", "refilled"):
        share = [each.heard.slide == how for each in crowded.said if each.turn in AFTER]
        if name == "ours" and share:
            figures[f"slides {how} %"] = 100 * sum(share) / len(share)


TRIAL = Row("settings", "llama-server's settings", (), trial)
THINKING = Row(
    "crowd-50",
    "50 people who think: p95 of the time to the first word over llama-server's best, 50 slots",
    (Aim("p95 ratio", 0.7),),
    thinking,
)
PARKED = Row(
    "crowd-8",
    "The same with 8 sequences, over llama-server's best with 8 slots",
    (Aim("p95 ratio", 0.5),),
    parked,
)
SATURATED = Row(
    "saturated",
    "50 people without a pause: turns a second over llama-server's best",
    (Aim("rate ratio", 1.2, at_least=True),),
    saturated,
)
