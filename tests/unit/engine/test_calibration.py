"""How this machine computes a model best: what is chosen, what is kept, when it is measured."""

import asyncio
import itertools
import json
import os
import signal
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.calibration import Calibrations, Key, cpu_model, latest, library_version
from engine.client import Patience, WorkerEngine
from engine.loading import open_model
from engine.measure import BUDGET_S, calibrate
from engine.plan import Plan, usable_cpus
from engine.tuned import UNMEASURED
from engine.tuning import PIECE_TOKENS, Choice, Leeway, Throughput, Tuning, choose
from tests.contract.engine_fixtures import PLAN, Steps, load_of, loaded_model, request

FIRST = Tuning(threads=4, prefill_threads=4, ubatch_tokens=63)
LEEWAY = Leeway(cpus=8, may_compact=True)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = Key(
    cpu_model(),
    4,
    "ab" * 32,
    library_version(),
    8,
    512,
    0,
    "f16",
    may_compact=True,
    may_round=False,
)
CHOICE = Choice(replace(FIRST, ubatch_tokens=48), Throughput(300.0, 90.0, 160.0), tried=3)


def never() -> bool:
    return False


def rates_by(measure: Callable[[Tuning], float]) -> Callable[[Tuning], Throughput]:
    return lambda tuning: Throughput(
        100 * measure(tuning), 10 * measure(tuning), 20 * measure(tuning)
    )


def favours(factor: float = 2.0, **fields: object) -> Callable[[Tuning], float]:
    """A machine that computes faster by a factor where the fields are so."""
    return lambda t: factor if all(getattr(t, k) == v for k, v in fields.items()) else 1.0


@pytest.mark.parametrize(
    ("measure", "best"),
    [
        (favours(1.0), FIRST),
        (favours(prefill_threads=8), replace(FIRST, prefill_threads=8)),
        (favours(1.1, ubatch_tokens=48), replace(FIRST, ubatch_tokens=48)),
        (favours(1.01, ubatch_tokens=32), FIRST),
        (favours(1.2, cache_type="q8_0"), replace(FIRST, cache_type="q8_0")),
    ],
)
def test_what_pays_is_kept(measure: Callable[[Tuning], float], best: Tuning):
    assert choose(FIRST, LEEWAY, rates_by(measure), never).tuning == best


def test_nothing_is_won_at_the_cost_of_one_kind():
    def measure(tuning: Tuning) -> Throughput:
        return Throughput(200, 8, 20) if tuning.threads == 8 else Throughput(100, 10, 20)

    assert choose(FIRST, LEEWAY, measure, never).tuning.threads == 4


def test_a_cache_type_that_was_asked_for_stays():
    measure = rates_by(favours(5.0, cache_type="q8_0"))
    assert choose(FIRST, replace(LEEWAY, may_compact=False), measure, never).tuning == FIRST


def test_flash_attention_goes_only_where_rounding_may_differ():
    measure = rates_by(favours(2.0, flash=False))
    assert choose(FIRST, LEEWAY, measure, never).tuning == FIRST
    without = choose(FIRST, replace(LEEWAY, may_round=True), measure, never).tuning
    assert without == replace(FIRST, flash=False)


def test_a_machine_that_slows_down_meanwhile_misleads_nobody():
    calls = itertools.count()
    measure = rates_by(lambda _: 0.97 ** next(calls))
    assert choose(FIRST, LEEWAY, measure, never).tuning == FIRST


@given(st.integers(0, 12))
def test_nothing_is_begun_after_the_time(allowed: int):
    left = iter([False] * allowed + [True])
    measured: list[Tuning] = []

    def measure(tuning: Tuning) -> Throughput:
        measured.append(tuning)
        return Throughput(1, 1, 1)

    choose(FIRST, LEEWAY, measure, lambda: next(left, True))
    assert len(measured) <= 1 + 2 * allowed


def test_a_choice_is_kept_and_found_again(tmp_path: Path):
    kept = Calibrations(tmp_path / "new", lambda: NOW, died=True)
    assert kept.settled(KEY, lambda: CHOICE) == CHOICE.tuning
    assert kept.settled(KEY, lambda: pytest.fail("measured twice")) == CHOICE.tuning

    found = latest(tmp_path / "new", KEY.sha256)
    assert found is not None
    assert (found.choice, found.at) == (CHOICE, NOW.isoformat())
    assert "48 tokens a piece" in str(found)
    assert latest(tmp_path / "new", "another model") is None


@pytest.mark.parametrize(
    "other", [{"cpu": "x"}, {"cores": 2}, {"sha256": "x"}, {"library": "9"}, {"sequences": 1}]
)
def test_another_machine_model_or_library_is_measured(tmp_path: Path, other: dict[str, object]):
    kept = Calibrations(tmp_path, lambda: NOW, died=True)
    kept.settled(KEY, lambda: CHOICE)
    fresh = replace(CHOICE, tuning=FIRST)
    changed = Key(**{name: getattr(KEY, name) for name in Key.__slots__} | other)  # type: ignore[arg-type]

    assert kept.settled(changed, lambda: fresh) == FIRST


def begin(directory: Path) -> None:
    """Measure in a process that this ends."""

    def die() -> Choice:
        raise SystemExit

    with pytest.raises(SystemExit):
        Calibrations(directory, lambda: NOW, died=False).settled(KEY, die)


def test_a_setup_that_a_process_died_of_is_not_tried_again(tmp_path: Path):
    begin(tmp_path)
    kept = Calibrations(tmp_path, lambda: NOW, died=True)
    assert kept.settled(KEY, lambda: pytest.fail("tried again")) is None
    assert kept.settled(KEY, lambda: pytest.fail("tried again")) is None


def test_who_was_stopped_while_it_measured_measures_at_the_next_start(tmp_path: Path):
    begin(tmp_path)
    begin(tmp_path)
    kept = Calibrations(tmp_path, lambda: NOW, died=False)
    assert kept.settled(KEY, lambda: CHOICE) == CHOICE.tuning
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


def test_a_directory_that_cannot_be_written_is_no_fault(tmp_path: Path):
    (tmp_path / "file").write_text("")
    kept = Calibrations(tmp_path / "file", lambda: NOW, died=True)
    assert kept.settled(KEY, lambda: CHOICE) == CHOICE.tuning


def test_a_spoilt_file_is_measured_again(tmp_path: Path):
    (tmp_path / KEY.file_name).write_text('{"choice": {}}')
    assert (
        Calibrations(tmp_path, lambda: NOW, died=True).settled(KEY, lambda: CHOICE) == CHOICE.tuning
    )


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("tuning", "cache_type", "q3_0"),
        ("tuning", "threads", 0),
        ("tuning", "prefill_threads", "4"),
        ("tuning", "ubatch_tokens", 48.5),
        ("tuning", "colour", "red"),
        ("rates", "one", "fast"),
        ("rates", "one", None),
    ],
)
def test_a_file_that_would_end_who_reads_it_is_measured_again(
    tmp_path: Path, part: str, field: str, value: object
):
    choice = asdict(replace(CHOICE, tuning=FIRST))
    choice[part][field] = value
    spoilt = {"key": asdict(KEY), "choice": choice, "at": NOW.isoformat()}
    (tmp_path / KEY.file_name).write_text(json.dumps(spoilt))

    assert latest(tmp_path, KEY.sha256) is None
    kept = Calibrations(tmp_path, lambda: NOW, died=True)
    assert kept.settled(KEY, lambda: CHOICE) == CHOICE.tuning


def test_the_model_is_measured_and_answers_as_before():
    asked = request("What is the capital of France?", max_tokens=12)
    before = Steps.fresh()
    before.ask(1, asked)
    before.run()
    model, seconds = loaded_model().model, itertools.count(step=BUDGET_S)
    tuning = Tuning(2, 2, PIECE_TOKENS)
    choice = calibrate(model, tuning, Leeway(2, may_compact=False), lambda: next(seconds))
    model.retune(PLAN.context_tokens, tuning)
    after = Steps.fresh()
    after.ask(1, asked)
    after.run()

    assert choice.tuning == tuning
    assert after.texts == before.texts


def calibrated_plan(directory: Path) -> tuple[Plan, Key]:
    plan = replace(PLAN, calibrate_in=str(directory), sequences=1, context_tokens=256)
    key = Key(
        cpu_model(), usable_cpus(), loaded_model().sha256, library_version(), 1, plan.batch_tokens,
        2, "f16", may_compact=False, may_round=False,
    )  # fmt: skip
    return plan, key


def test_a_load_takes_what_was_measured(tmp_path: Path):
    plan, key = calibrated_plan(tmp_path)
    compact = Choice(Tuning(2, 2, 128, "q8_0"), Throughput(1, 1, 1), 2)
    Calibrations(tmp_path, lambda: NOW, died=True).settled(key, lambda: compact)

    loaded = open_model(load_of(plan=plan))

    assert list(tmp_path.iterdir()) == [tmp_path / key.file_name]
    assert loaded.model.context_tokens == 256
    assert not loaded.note
    loaded.model.close()


async def test_a_worker_that_died_while_it_measured_is_followed_by_one_that_does_not(
    tmp_path: Path,
):
    plan, key = calibrated_plan(tmp_path)
    begun = (tmp_path / key.file_name).with_suffix(".begun")
    begun.write_text("{}")
    async with WorkerEngine(load_of(plan=plan), patience=Patience(first_pause_s=0.0)) as engine:
        while engine.pid is None:
            await asyncio.sleep(0)
        os.kill(engine.pid, signal.SIGKILL)

        await engine.ready()

        assert (await engine.status()).detail == UNMEASURED
    assert latest(tmp_path, key.sha256) is None
