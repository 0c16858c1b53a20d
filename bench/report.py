"""`docs/performance.md` and its charts, from the JSON file of results. Measures nothing.

What was tried and why an aim is missed is for people to say: it stands in `remarks.toml`, by row.
"""

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.charts import charts
from bench.results import Measured, Results
from bench.row import Aim, Figures, Row
from bench.rows import ROWS

REMARKS = Path(__file__).with_name("remarks.toml")
HEAD = """\
# Performance

<!-- Written by bench/report.py from bench/results.json; `make bench-engine` writes it again. -->

The engine beside llama.cpp's own tools, its server and the high-level `Llama` of llama-cpp-python,
all built from one source, answering from one model file, with the same number of threads, on one
machine. Figures compare only within a row: each side is measured in turn, and a ratio is the median
of the rounds' ratios. `parley bench` measures a machine of your own.
"""
METHOD = """\
## How it is measured

Our side is the worker process that the bot starts, asked through the bot's client; the peers are
`llama-batched-bench`, and `llama-server` asked over HTTP with its prompt cache on, in the best of
the settings in the row `settings`. Everybody draws greedily and without a penalty, and each side's
own answers go into its own windows of ten turns. Compute threads sleep soon when they wait
(`GOMP_SPINCOUNT=1000`), on all sides; `llama-batched-bench` is measured spinning too, and its best
counts.

The 50 people who think have thirteen turns each, a minute of thought between them, drawn between
half and one and a half of that from a seed, the same for every side. A turn has about 64 tokens, 32
of them the answer's, and before the twelfth the window has slid. Everybody's first question does
not count, for its prompt is new to all sides. Without a pause, people are met in the middle of
their conversations: nine turns lie behind them and three follow, of about 30 tokens. The server's
settings are tried with 12 such people who think 4 s. Our side may keep 1 GiB of parked
conversations there, where 256 MiB is what `engine.park_bytes` is by itself; the server's cache for
them may take 8 GiB.

    python -m bench.peers                        # llama.cpp's tools, about ten minutes
    python -m bench.engine --rounds 3 --report   # everything; `--rows` and `--rounds` choose
"""


def write(found: Results, docs: Path) -> None:
    """Write the page and its charts under `docs`."""
    images = docs / "images"
    images.mkdir(parents=True, exist_ok=True)
    drawn = charts(found)
    for name, chart in drawn.items():
        (images / f"{name}.svg").write_text(chart, "utf-8")
    remarks: dict[str, str] = tomllib.loads(REMARKS.read_text("utf-8"))
    measured = [(row, found.rows[name]) for name, row in ROWS.items() if name in found.rows]
    sections = ["\n".join(_section(row, rounds, drawn, remarks)) for row, rounds in measured]
    page = [HEAD, remarks.get("page", ""), "\n".join(_machine(found))]
    page += ["\n".join(_summary(measured)), _missing(found), METHOD, *sections]
    (docs / "performance.md").write_text(
        "\n".join(part.strip() + "\n" for part in page if part.strip()), "utf-8"
    )


def _machine(found: Results) -> Iterator[str]:
    yield "| Measured on | |"
    yield "| --- | --- |"
    for name, value in found.machine.items():
        yield f"| {name} | {value} |"


def _summary(measured: list[tuple[Row, Measured]]) -> Iterator[str]:
    yield "## Aims\n"
    yield "| Measure | Aim | Measured | |"
    yield "| --- | --- | --- | --- |"
    for row, rounds in measured:
        for aim in row.aims:
            if aim.figure in rounds.median:
                value = rounds.median[aim.figure]
                of = f", {aim.figure}" if len(row.aims) > 1 else ""
                yield f"| {row.title}{of} | {_bound(aim)} | {number(value)} | {_met(aim, value)} |"


def _missing(found: Results) -> str:
    names = [f"`{name}`" for name in ROWS if name not in found.rows]
    return f"Not measured in full size yet: {', '.join(names)}." if names else ""


def _section(
    row: Row, rounds: Measured, drawn: dict[str, str], remarks: dict[str, str]
) -> Iterator[str]:
    yield f"## {row.title}\n"
    many = f"{len(rounds.rounds)} rounds" if len(rounds.rounds) > 1 else "one round"
    yield (
        f"`{rounds.command}`, {rounds.at}, {many}; the machine's load before it was "
        f"{rounds.load:.1f}.\n"
    )
    yield "| Figure | Median | Least | Most |"
    yield "| --- | ---: | ---: | ---: |"
    for name, value in _shown(rounds.median).items():
        values = [figures[name] for figures in rounds.rounds if name in figures]
        yield f"| {name} | {number(value)} | {number(min(values))} | {number(max(values))} |"
    if row.name in drawn:
        yield f"\n![{row.title}](images/{row.name}.svg)"
    if row.name in remarks:
        yield f"\n{remarks[row.name].strip()}"


def _shown(figures: Figures) -> Figures:
    """Without the single turns, which the chart shows."""
    return {name: value for name, value in figures.items() if " turn " not in name}


def aims_met(aims: Sequence[Aim], figure: str, value: float) -> tuple[str, str]:
    """The bound of a figure and whether the value keeps it, in words; empty where it has none."""
    for aim in aims:
        if aim.figure == figure:
            return _bound(aim), _met(aim, value)
    return "", ""


def _bound(aim: Aim) -> str:
    return f"{'≥' if aim.at_least else '≤'} {aim.bound:g}"


def _met(aim: Aim, value: float) -> str:
    if aim.met_by(value):
        return "met"
    if aim.bound == 0:
        return "missed"
    return f"missed by {abs(value / aim.bound - 1) * 100:.0f} %"


def number(value: float) -> str:
    """As many digits as mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
