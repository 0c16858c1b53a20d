"""The engine side by side with llama.cpp's tools, its server and the high-level `Llama`.

    python -m bench.engine [--rows decode,chat] [--rounds 3] [--quick] [--out FILE] [--report]

All sides are built from one source and answer from one file, one after the other in interleaved
rounds: ours, the peer, ours, the peer. Only ratios of one round are compared. What a row measures
goes into the JSON file in the place of what stood there for that row; `--report` writes
`docs/performance.md` from the file, whatever was measured now.
"""

import argparse
import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench import results
from bench.machine import describe
from bench.report import write
from bench.results import Measured, Results
from bench.row import FULL, QUICK, Bench, Figures, Row
from bench.rows import ROWS
from bench.rows.crowd import TRIAL, best_settings
from engine.models import DEMO, ModelStore
from engine.plan import usable_cores

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / ".cache" / "models"
RESULTS = ROOT / "bench" / "results.json"


async def measure(rows: list[Row], rounds: int, bench: Bench, out: Path) -> Results:
    """Measure, and save after each row, so that nothing is lost when one fails."""
    found = results.load(out)
    found.machine = describe(bench.model)
    for row in rows:
        found.rows[row.name] = await _row(row, rounds, bench)
        if row is TRIAL:
            bench.best.update(best_settings(found.rows[row.name].median, bench.size.slots))
        found.save(out)
    return found


async def _row(row: Row, rounds: int, bench: Bench) -> Measured:
    at, load = datetime.now(UTC).date().isoformat(), os.getloadavg()[0]
    print(f"\n{row.title}", flush=True)
    done: list[Figures] = []
    for number in range(1, rounds + 1):
        done.append(await row.measure(bench))
        print(f"  round {number}: {_line(row, done[-1])}", flush=True)
    quick = " --quick" if bench.size is QUICK else ""
    command = f"python -m bench.engine --rows {row.name} --rounds {rounds}{quick}"
    return Measured(at, load, command, tuple(done))


def _line(row: Row, figures: Figures) -> str:
    shown = {name: value for name, value in figures.items() if " turn " not in name}
    aims = [aim for aim in row.aims if aim.figure in figures]
    marks = {aim.figure: "met" if aim.met_by(figures[aim.figure]) else "MISSED" for aim in aims}
    return ", ".join(
        f"{name} {value:.3g}" + (f" ({marks[name]})" if name in marks else "")
        for name, value in shown.items()
    )


def main() -> int:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", default=",".join(ROWS), help=f"of {', '.join(ROWS)}")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="only show that everything runs")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--report", action="store_true", help="write docs/performance.md after it")
    options = parser.parse_args()
    # Ended by a signal like by Ctrl-C: no server is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = [name for name in options.rows.split(",") if name]
    if unknown := [name for name in names if name not in ROWS]:
        parser.error(f"there is no row {unknown[0]!r}; there are: {', '.join(ROWS)}")
    model = ModelStore(MODELS).pull(DEMO.source, name=DEMO.name, sha256=DEMO.sha256).path
    found = results.load(options.out)
    trial = found.rows.get(TRIAL.name)
    size = QUICK if options.quick else FULL
    best = best_settings(trial.median, size.slots) if trial else {}
    bench = Bench(model, options.threads, size, best)
    found = asyncio.run(measure([ROWS[name] for name in names], options.rounds, bench, options.out))
    if options.report:
        write(found, ROOT / "docs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
