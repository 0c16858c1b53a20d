"""PURE. A small chart as SVG: lines over a numbered axis, or bars by name.

For pages and files, without a library: two axes, a legend, and colours that are told apart by
those who see red and green alike (Okabe and Ito, “Color Universal Design”, 2008).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 56, 44
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
TICKS = 5
LEAST_TOP = 1e-9


@dataclass(frozen=True, slots=True)
class Axes:
    """What the chart says above it and beside its axes."""

    title: str
    x: str
    y: str


def lines(axes: Axes, series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """One line for each series of (x, y); y begins at 0."""
    points = [point for one in series.values() for point in one]
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    top = _round_up(max(y for _, y in points))
    span = (last - first) or 1

    def place(x: float, y: float) -> tuple[float, float]:
        return _across((x - first) / span), _up(y / top)

    parts = [*_frame(axes, top), *_legend(list(series))]
    for x in dict.fromkeys(round(first + span * i / TICKS) for i in range(TICKS + 1)):
        parts.append(_text(place(x, 0)[0], HEIGHT - BOTTOM + 16, f"{x:g}"))
    for colour, one in zip(_colours(), series.values(), strict=False):
        path = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in sorted(one))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return _svg(axes, parts)


def bars(axes: Axes, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Groups of bars: the group's name below, one bar and colour for each name in it."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    colours = dict(zip(names, _colours(), strict=False))
    top = _round_up(max(value for group in groups.values() for value in group.values()))
    parts = [*_frame(axes, top), *_legend(names)]
    for at, (label, group) in enumerate(groups.items()):
        middle = _across((at + 0.5) / len(groups))
        parts.append(_text(middle, HEIGHT - BOTTOM + 16, label))
        wide = (WIDTH - LEFT - RIGHT) / len(groups) * 0.7 / len(names)
        for i, name in enumerate(names):
            if name in group:
                x, y = middle + (i - len(names) / 2) * wide, _up(group[name] / top)
                size = f'width="{wide - 2:.1f}" height="{HEIGHT - BOTTOM - y:.1f}"'
                parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{colours[name]}"/>')
    return _svg(axes, parts)


def _frame(axes: Axes, top: float) -> Iterator[str]:
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    yield _text(WIDTH / 2, 18, axes.title, weight="bold")
    yield _text(WIDTH / 2, HEIGHT - 8, axes.x)
    yield _text(LEFT, TOP - 8, axes.y, anchor="end")
    for i in range(TICKS + 1):
        y = _up(i / TICKS)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>'
        yield _text(LEFT - 6, y + 4, f"{top * i / TICKS:g}", anchor="end")


def _legend(names: Sequence[str]) -> Iterator[str]:
    x = LEFT + 8.0
    for colour, name in zip(_colours(), names, strict=False):
        yield f'<rect x="{x:.1f}" y="28" width="10" height="10" fill="{colour}"/>'
        yield _text(x + 14, 37, name, anchor="start")
        x += 30 + 6.4 * len(name)


def _colours() -> Iterator[str]:
    while True:
        yield from COLOURS


def _across(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _up(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _round_up(value: float) -> float:
    """The next number with one or two digits that five steps divide well."""
    if value < LEAST_TOP:
        return 1.0
    unit = 10.0 ** floor(log10(value))
    steps = (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10)
    wanted = ceil(value / unit * 100) / 100
    return next((step for step in steps if step >= wanted), 10) * unit


def _text(x: float, y: float, text: str, *, anchor: str = "middle", weight: str = "") -> str:
    bold = f' font-weight="{weight}"' if weight else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{bold}>{escape(text)}</text>'


def _svg(axes: Axes, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(axes.title, quote=True)}" font-family="sans-serif" font-size="11">'
    )
    return "\n".join([head, *parts, "</svg>", ""])
