"""A model computed in the best way that is known for it here, measured the first time."""

import time
from datetime import UTC, datetime
from pathlib import Path

from engine.calibration import Calibrations, Key, cpu_model, library_version
from engine.llama import Model
from engine.measure import CONTEXT_TOKENS, calibrate
from engine.plan import Plan, Shape, context_of, usable_cores, usable_cpus
from engine.tuning import PIECE_TOKENS, Leeway, Tuning

UNMEASURED = (
    "it is computed in the usual way: measuring a better one ended its process, and is tried again "
    "at the next start"
)


def fixed(plan: Plan) -> Tuning:
    """What is right for most machines, and what the plan asks for."""
    threads = plan.threads or usable_cores()
    piece = min(PIECE_TOKENS, plan.batch_tokens)
    return Tuning(threads, threads, piece, plan.cache_type)


def tuned_model(
    path: Path, plan: Plan, shape: Shape, sha256: str, *, died: bool
) -> tuple[Model, str]:
    """Load a model; and what is not as it should be, in a sentence. `died` is whether a process
    before this one died while it loaded. Raises `ModelFault`."""
    tuning, context_tokens = fixed(plan), context_of(plan, shape.trained_context)
    if not plan.calibrate_in:
        return _model(path, plan, context_tokens, tuning), ""
    model = _model(path, plan, min(CONTEXT_TOKENS, context_tokens), tuning)
    # Threads that somebody chose stay as they are.
    leeway = Leeway(plan.threads or usable_cpus(), plan.may_compact, plan.may_round)
    kept = Calibrations(Path(plan.calibrate_in), lambda: datetime.now(UTC), died=died)
    chosen = kept.settled(
        _key(plan, sha256), lambda: calibrate(model, tuning, leeway, time.perf_counter)
    )
    model.retune(context_tokens, chosen or tuning)
    return model, "" if chosen else UNMEASURED


def _model(path: Path, plan: Plan, context_tokens: int, tuning: Tuning) -> Model:
    return Model(
        path,
        context_tokens=context_tokens,
        sequences=plan.sequences,
        batch_tokens=plan.batch_tokens,
        tuning=tuning,
    )


def _key(plan: Plan, sha256: str) -> Key:
    return Key(
        cpu=cpu_model(),
        cores=usable_cpus(),
        sha256=sha256,
        library=library_version(),
        sequences=plan.sequences,
        batch_tokens=plan.batch_tokens,
        threads=plan.threads,
        cache_type=plan.cache_type,
        may_compact=plan.may_compact,
        may_round=plan.may_round,
    )
