"""Charts are well-formed, and their marks are where the values say."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from bot.plot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axes, bars, lines

AXES = Axes("Time to the <first> word", "turn", "ms")
SVG = "{http://www.w3.org/2000/svg}"
VALUES = st.floats(0, 1e9, allow_nan=False)


@given(st.lists(st.tuples(st.integers(0, 10_000), VALUES), min_size=1, max_size=30))
def test_lines_stay_within_the_axes(points: list[tuple[int, float]]) -> None:
    root = ElementTree.fromstring(lines(AXES, {"a & b": points}))
    (line,) = root.iter(f"{SVG}polyline")
    for place in line.attrib["points"].split():
        x, y = map(float, place.split(","))
        assert LEFT - 0.1 <= x <= WIDTH - RIGHT + 0.1
        assert TOP - 0.1 <= y <= HEIGHT - BOTTOM + 0.1


@given(st.floats(1e-6, 1e9), st.floats(0, 1))
def test_bars_are_as_high_as_their_values(high: float, share: float) -> None:
    root = ElementTree.fromstring(bars(AXES, {"B = 1": {"ours": high, "peer": high * share}}))
    ours, peer = [rect for rect in root.iter(f"{SVG}rect") if "x" in rect.attrib][-2:]
    tall, short = (float(rect.attrib["height"]) for rect in (ours, peer))
    assert tall <= HEIGHT - TOP - BOTTOM + 0.1
    assert abs(short - tall * share) < 0.2


def test_every_series_is_named() -> None:
    chart = lines(AXES, {"ours": [(1, 2.0)], "llama-server": [(1, 3.0), (2, 5.0)]})
    texts = [text.text for text in ElementTree.fromstring(chart).iter(f"{SVG}text")]
    assert {"ours", "llama-server", AXES.title, AXES.x, AXES.y} <= {*texts}
