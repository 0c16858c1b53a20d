"""How much memory a model takes, and how much there is for another one beside those loaded."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from engine.drafter import CATCH_UP_TOKENS
from engine.embedding import embedding_plan
from engine.frames import Load
from engine.gguf import ModelError, read_header
from engine.plan import (
    Plan,
    Shape,
    available_bytes,
    context_of,
    nearest,
    needed_bytes,
    token_bytes,
)


@dataclass(frozen=True, slots=True)
class Weight:
    """`total_bytes` is all that a worker takes. `file_bytes` of it are mapped from the file: the
    system calls such memory available, though a model that answers needs it there. A token of a
    conversation takes `token_bytes`; 0 where that is unknown."""

    total_bytes: int
    file_bytes: int
    token_bytes: float = 0.0


def weigh(load: Load) -> Weight:
    """What a load takes, by its file's header. Raises `ModelError`."""
    shape = read_header(Path(load.path)).shape
    plan = plan_of(load, shape)
    weight = Weight(needed_bytes(plan, shape), shape.file_bytes, token_bytes(plan, shape))
    if load.draft is None or load.purpose == "embed":
        return weight
    draft = read_header(Path(load.draft.path)).shape
    return replace(
        weight,
        total_bytes=weight.total_bytes + needed_bytes(draft_plan(load), draft),
        file_bytes=weight.file_bytes + draft.file_bytes,
    )


def draft_plan(load: Load) -> Plan:
    """What a draft model gets: a cache as large as the first model's, and nothing parked."""
    batch_tokens = max(load.plan.batch_tokens, CATCH_UP_TOKENS)
    return replace(
        load.plan, park_bytes=0, spill_dir="", batch_tokens=batch_tokens, calibrate_in=""
    )


def plan_of(load: Load, shape: Shape) -> Plan:
    """What a worker makes of the plan, by what it is for."""
    if load.purpose == "embed":
        return embedding_plan(load.plan, shape.trained_context)
    return load.plan


def check_memory(load: Load, shape: Shape) -> None:
    """Raises `ModelError` when a model does not fit in what is free, with what would."""
    needed, available = needed_bytes(plan_of(load, shape), shape), available_bytes()
    if needed <= available:
        return
    embeds = load.purpose == "embed"
    what_for = "to embed" if embeds else f"with {load.plan.sequences} conversations at once"
    smaller = None if embeds else nearest(load.plan, shape, available)
    change = "" if smaller is None else f"{_settings(smaller, shape)}, or "
    raise ModelError(
        f"The model {Path(load.path).name} is too large for this machine: it needs about "
        f"{needed >> 20} MB {what_for} and {available >> 20} MB are free; {change}choose a smaller "
        "model."
    )


def _settings(plan: Plan, shape: Shape) -> str:
    """How somebody asks for a plan."""
    return (
        f"set engine.sequences = {plan.sequences}, engine.context_tokens = "
        f"{context_of(plan, shape.trained_context)}, engine.cache_type = "
        f'"{plan.cache_type}" and engine.park_bytes = {plan.park_bytes}'
    )


def room_bytes(limit: int, available: int, loaded: Iterable[Weight]) -> int:
    """Memory for one more model: of what the system has `available`, and of the `limit` that all
    models share, 0 for none."""
    weights = [*loaded]
    room = available - sum(weight.file_bytes for weight in weights)
    if limit:
        room = min(room, limit - sum(weight.total_bytes for weight in weights))
    return max(0, room)
