"""`parley bench` as people type it, and the comparison with llama.cpp in its smallest size."""

import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import results
from bench.engine import measure
from bench.peers import built
from bench.report import write
from bench.row import QUICK, Bench
from bench.rows import ROWS
from tests.clients.process import bot_process
from tests.contract.engine_fixtures import demo_model
from tests.scenario.test_command_line import parley

SCRIPTED = {
    "PARLEY_ENGINE__KIND": "scripted",
    "PARLEY_ENGINE__SCRIPTED_DELAY_S": "0.002",
    "PARLEY_ENGINE__SEQUENCES": "4",
}
ALONE = ("memory", "agreement", "stop", "reader", "light-among-1", "look-up", "swap")
"""Rows without a peer; those with one need llama.cpp's tools, which take minutes to build."""


async def test_parley_bench_measures_keeps_and_compares(tmp_path: Path) -> None:
    code, out, err = await parley(tmp_path, "bench", "--pause", "0", **SCRIPTED)
    assert (code, "measuring: 100 %" in err) == (0, True)
    assert "4 answers at once, tokens a second" in out
    assert "before" not in out
    code, out, _ = await parley(tmp_path, "bench", "--pause", "0", **SCRIPTED)
    assert (code, "before" in out, "%" in out) == (0, True, True)
    data = tmp_path / "parley-data"
    history = [json.loads(line) for line in (data / "bench.jsonl").read_text().splitlines()]
    assert [run["model"] for run in history] == ["scripted", "scripted"]
    assert len(history[0]["speed"]["firsts_ms"]) == 14
    chart = ElementTree.parse(data / "bench.svg")
    assert len(list(chart.iter("{http://www.w3.org/2000/svg}polyline"))) == 2


async def test_parley_bench_outlives_a_damaged_history(tmp_path: Path) -> None:
    data = tmp_path / "parley-data"
    data.mkdir()
    (data / "bench.jsonl").write_bytes(b'{"model": "scr\xff\n[1]\n{}\n{"model": "scr')
    code, out, _ = await parley(tmp_path, "bench", "--pause", "0", "--json", **SCRIPTED)
    run = json.loads(out)
    assert json.loads((data / "bench.jsonl").read_bytes().splitlines()[-1]) == run
    assert (code, set(run["speed"]["decode"])) == (0, {"1", "2", "4"})
    assert all(rate > 0 for rate in run["speed"]["decode"].values())


async def test_parley_bench_does_not_run_beside_the_bot(tmp_path: Path) -> None:
    async with bot_process(tmp_path, engine__kind="scripted", web__port="0"):
        code, out, err = await parley(tmp_path, "bench", **SCRIPTED)
    assert (code, out) == (1, "")
    assert "the bot is running" in err
    assert "Stop the bot" in err


@pytest.mark.parametrize("name", ROWS)
async def test_row_runs_in_its_smallest_size(name: str, tmp_path: Path) -> None:
    if name not in ALONE and not (built() and os.environ.get("PARLEY_LONG_FAULTS")):
        pytest.skip("needs llama.cpp's tools (`make bench-peers`) and PARLEY_LONG_FAULTS=1")
    out = tmp_path / "results.json"
    bench = Bench(demo_model().path, 2, QUICK, {})
    found = await measure([ROWS[name]], 1, bench, out)
    (figures,) = found.rows[name].rounds
    assert all(value >= 0 for value in figures.values())
    assert results.load(out) == found
    write(found, tmp_path)
    assert ROWS[name].title in (tmp_path / "performance.md").read_text("utf-8")
