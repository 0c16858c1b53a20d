"""`parley bench`: how fast the model answers on this machine, and whether that has changed.

Prints a table, draws the wait for the first word, and keeps every run in a file beside the
database. Measured through the engine that the bot would start, so a running bot must be stopped.
"""

import asyncio
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bot.config import Settings
from bot.parts import engine_of
from bot.plot import Axes, lines
from bot.speed import Rehearsal, Speed
from bot.verbs.models import ensure
from bot.verbs.opened import assert_stopped
from bot.verbs.progress import progress
from engine.base import EngineStatus
from storage.records import StorageError

HISTORY = "bench.jsonl"
PLOT = "bench.svg"
BESIDE = (
    "the bot is running: it and the measurement would slow each other, and two models may not fit "
    "in memory. Stop the bot, then run “parley bench” again."
)


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement, as the history keeps it. `memory_bytes` is 0 where nobody knows it."""

    at: str
    model: str
    sha256: str
    cores: int
    memory_bytes: int
    speed: Speed


def measure(settings: Settings, *, pause_s: float, as_json: bool) -> None:
    """Measure, print, keep. Raises `ControlError`, `EngineError`, `StorageError`."""
    asyncio.run(assert_stopped(settings, BESIDE))
    directory = _directory(settings)
    if settings.engine.kind == "llama":
        ensure(settings)
    run = asyncio.run(_measure(settings, pause_s))
    before = _last(directory / HISTORY, run)
    _append(directory / HISTORY, run)
    (directory / PLOT).write_text(_plot(run, before), "utf-8")
    if as_json:
        click.echo(json.dumps(asdict(run), indent=2))
        return
    for line in _table(run, before):
        click.echo(line)
    click.echo(f"Drawn in {directory / PLOT}; every run is kept in {directory / HISTORY}.")


def _directory(settings: Settings) -> Path:
    """Where runs are kept; asked before minutes are spent. Raises `StorageError`."""
    directory = settings.storage.path.absolute().parent
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / HISTORY).open("a").close()
    except OSError as error:
        raise StorageError(
            f"{directory}, where the database is and every run is kept, can't be written to: "
            f"{error.strerror}. Set another storage.path, or let this user write there."
        ) from error
    return directory


async def _measure(settings: Settings, pause_s: float) -> Run:
    async with engine_of(settings) as engine:
        with progress("measuring", unit="step") as report:
            sequences, turns = settings.engine.sequences, settings.bot.window_turns
            speed = await Rehearsal(engine, sequences, turns, pause_s).run(report)
        status = await engine.status()
        return _run(status, speed)


def _run(status: EngineStatus, speed: Speed) -> Run:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    cores = len(os.sched_getaffinity(0))
    return Run(at, status.model, status.sha256, cores, _children_bytes(), speed)


def _children_bytes() -> int:
    """Memory of the processes that this one started, the model's file included (proc(5))."""
    total = 0
    for children in Path("/proc/self/task").glob("*/children"):
        for pid in children.read_text().split():
            status = Path(f"/proc/{pid}/status").read_text().splitlines()
            total += sum(int(line.split()[1]) << 10 for line in status if line[:6] == "VmRSS:")
    return total


def _append(history: Path, run: Run) -> None:
    """Keep a run, on a line of its own also where a full disk has cut the last one."""
    with history.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                file.write(b"\n")
        file.write(json.dumps(asdict(run)).encode() + b"\n")


def _last(history: Path, run: Run) -> Run | None:
    """The latest run with the same model, if it can be read."""
    if not history.exists():
        return None
    for line in reversed(history.read_text("utf-8", "replace").splitlines()):
        before = _read(line)
        if before and (before.model, before.sha256) == (run.model, run.sha256):
            return before
    return None


def _read(line: str) -> Run | None:
    try:
        found: dict[str, Any] = json.loads(line)
        speed = found.pop("speed")
        decode = {int(width): rate for width, rate in speed["decode"].items()}
        return Run(**found, speed=Speed(speed["prefill"], decode, tuple(speed["firsts_ms"])))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # a line that another version wrote, or that a full disk cut


def _table(run: Run, before: Run | None) -> list[str]:
    rows = _rows(run)
    old = _rows(before) if before else {}
    title = f"{run.model}, {run.cores} cores"
    head = f"{title:<40} {'now':>12}" + (f" {'before':>12} {'change':>8}" if before else "")
    return [head, *(_line(name, value, old.get(name)) for name, value in rows.items())]


def _rows(run: Run) -> dict[str, float]:
    rows = {"prompt, tokens a second": run.speed.prefill}
    for width, rate in run.speed.decode.items():
        rows[f"{width} answers at once, tokens a second"] = rate
    for turn, first_ms in enumerate(run.speed.firsts_ms, start=1):
        rows[f"turn {turn}, ms to the first word"] = first_ms
    if run.memory_bytes:
        rows["memory, MiB"] = run.memory_bytes / (1 << 20)
    return rows


def _line(name: str, value: float, before: float | None) -> str:
    line = f"{name:<40} {value:>12,.1f}"
    if before:
        line += f" {before:>12,.1f} {100 * (value / before - 1):>+7.1f}%"
    return line


def _plot(run: Run, before: Run | None) -> str:
    series = {f"now ({run.at[:10]})": run, **({f"before ({before.at})": before} if before else {})}
    axes = Axes(f"Wait for the first word, {run.model}", "turn", "ms")
    points = {name: list(enumerate(each.speed.firsts_ms, 1)) for name, each in series.items()}
    return lines(axes, points)
