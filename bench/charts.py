"""The charts of the report, by the row that each belongs to."""

from bench.results import Results
from bench.row import Figures
from bot.plot import Axes, bars, lines

SIDES = {
    "ours": "Parley",
    "server": "llama-server",
    "tuned server": "llama-server, tuned",
    "Llama": "Llama",
}


def charts(found: Results) -> dict[str, str]:
    """SVG by row, of the rows that were measured."""
    medians = {name: rounds.median for name, rounds in found.rows.items()}
    drawn: dict[str, str] = {}
    if "decode" in medians:
        drawn["decode"] = _decode(medians["decode"])
    if "chat" in medians:
        drawn["chat"] = _chat(medians["chat"])
    for row in ("crowd-50", "crowd-8"):
        if row in medians:
            drawn[row] = _crowd(medians[row], row.removeprefix("crowd-"))
    if "agreement" in medians:
        drawn["agreement"] = _agreement(medians["agreement"])
    return drawn


def _decode(figures: Figures) -> str:
    widths = [name.split()[1] for name in figures if name.startswith("ours B=")]
    names = {"ours": "Parley", "peer": "llama-batched-bench"}
    groups = {
        width: {shown: figures[f"{side} {width} tok/s"] for side, shown in names.items()}
        for width in widths
    }
    return bars(Axes("Answers alone, tokens a second", "answers at once", "tok/s"), groups)


def _chat(figures: Figures) -> str:
    series: dict[str, list[tuple[float, float]]] = {shown: [] for shown in SIDES.values()}
    for name, value in figures.items():
        side, turn, rest = name.partition(" turn ")
        if turn:
            series[SIDES[side]].append((float(rest.split()[0]), value))
    return lines(Axes("One chat: time to the first word", "turn", "ms"), series)


def _crowd(figures: Figures, sequences: str) -> str:
    parts = ("p50", "p95", "turns after the slide p50", "turns after the slide p95")
    groups = {
        part: {SIDES[side]: figures[f"{side} {part} ms"] for side in ("ours", "server")}
        for part in parts
        if f"server {part} ms" in figures
    }
    title = f"50 people who think, {sequences} sequences: time to the first word"
    return bars(Axes(title, "all turns but the first, and those after the slide", "ms"), groups)


def _agreement(figures: Figures) -> str:
    points = [(float(name.split()[0]), value) for name, value in figures.items()]
    axes = Axes("Same likeliest token as a window computed anew", "shifts", "%")
    return lines(axes, {"share of places": points})
