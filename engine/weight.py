"""How much memory a model takes, and how much there is for another one beside those loaded."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.embedding import embedding_plan
from engine.frames import Load
from engine.gguf import read_header
from engine.plan import Plan, Shape, needed_bytes


@dataclass(frozen=True, slots=True)
class Weight:
    """`total_bytes` is all that a worker takes. `file_bytes` of it are mapped from the file: the
    system calls such memory available, though a model that answers needs it there."""

    total_bytes: int
    file_bytes: int


def weigh(load: Load) -> Weight:
    """What a load takes, by its file's header. Raises `ModelError`."""
    shape = read_header(Path(load.path)).shape
    return Weight(needed_bytes(plan_of(load, shape), shape), shape.file_bytes)


def plan_of(load: Load, shape: Shape) -> Plan:
    """What a worker makes of the plan, by what it is for."""
    if load.purpose == "embed":
        return embedding_plan(load.plan, shape.trained_context)
    return load.plan


def room_bytes(limit: int, available: int, loaded: Iterable[Weight]) -> int:
    """Memory for one more model: of what the system has `available`, and of the `limit` that all
    models share, 0 for none."""
    weights = [*loaded]
    room = available - sum(weight.file_bytes for weight in weights)
    if limit:
        room = min(room, limit - sum(weight.total_bytes for weight in weights))
    return max(0, room)
