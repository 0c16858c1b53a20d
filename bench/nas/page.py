"""The figures in docs/storage.md, between two marks, from the JSON file of results."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.report import aims_met, number
from bench.results import Measured, Results
from bench.row import Aim, Figures

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. `measure` is given how many turns are searched; `remark` stands below."""

    name: str
    title: str
    aims: tuple[Aim, ...]
    measure: Callable[[int], Awaitable[Figures]]
    remark: str = ""


def write(found: Results, rows: tuple[Row, ...], document: Path) -> None:
    """Put the figures in the place of those that stood in the document."""
    text = document.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    lines = "\n".join(_lines(found, rows))
    document.write_text(f"{head}{BEGIN}\n{lines}\n{END}{tail}", "utf-8")


def _lines(found: Results, rows: tuple[Row, ...]) -> Iterator[str]:
    yield "| Measured on | |"
    yield "| --- | --- |"
    for name, value in found.machine.items():
        yield f"| {name} | {value} |"
    for row in rows:
        if row.name in found.rows:
            yield from _section(row, found.rows[row.name])
    missing = [f"`{row.name}`" for row in rows if row.name not in found.rows]
    if missing:
        yield f"\nNot measured yet: {', '.join(missing)}."


def _section(row: Row, measured: Measured) -> Iterator[str]:
    yield f"\n### {row.title}\n"
    many = f"{len(measured.rounds)} rounds" if len(measured.rounds) > 1 else "one round"
    yield (
        f"`{measured.command}`, {measured.at}, {many}; the machine's load before it was "
        f"{measured.load:.1f}.\n"
    )
    yield "| Figure | Median | Least | Most | Aim | |"
    yield "| --- | ---: | ---: | ---: | --- | --- |"
    for name, value in measured.median.items():
        values = [figures[name] for figures in measured.rounds if name in figures]
        aim, verdict = aims_met(row.aims, name, value)
        least, most = number(min(values)), number(max(values))
        yield f"| {name} | {number(value)} | {least} | {most} | {aim} | {verdict} |"
    if row.remark:
        yield f"\n{row.remark}"
