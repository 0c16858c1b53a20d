"""How much of the machine a model gets: threads, sequences, context; and whether it fits in memory.

PURE but for what asks the system: `usable_cores`, `usable_cpus` and `available_bytes`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from engine.cgroup import ROOT, cpus_granted, memory_left_bytes
from engine.tuning import CacheType

COMPUTE_BYTES = 192 << 20
"""Room beside weights and cache for the compute buffers, the latest answers (`kvcache.BOOK_BYTES`)
and the process; measured, rounded up."""


BYTES_A_NUMBER: dict[CacheType, float] = {"f16": 2.0, "q8_0": 34 / 32}
"""q8_0 stores 32 numbers in a byte each and a scale of two bytes (ggml, `block_q8_0`)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The shape of a worker.

    `context_tokens` is what one conversation may hold, answer included, 0 for what the model was
    trained with (4096 at most); `sequences` are answered at once; `threads` 0 means one a physical
    core; `waiting` bounds the line behind them. A prompt's rest is computed at once between two
    tokens of those who read, if both take no longer than `step_s` seconds; while nobody reads, a
    step takes `prefill_step_s`. Smaller chunks cost more: weights are read once a chunk.
    `park_bytes` is what conversations without a sequence may take; with a `spill_dir`, others wait
    in files there of up to `spill_bytes` together. `cache_type` is how the cache stores a number.
    With `lookup`, what stands in a context already is tried as what comes next.

    `calibrate_in` is the directory of what was measured to be the best way to compute on this
    machine, empty for a fixed way; `may_compact` lets that be a cache of `q8_0`, `may_round` one by
    which an answer may depend on how its prompt was cut.
    """

    context_tokens: int = 0
    sequences: int = 8
    threads: int = 0
    waiting: int = 64
    batch_tokens: int = 512
    step_s: float = 0.15
    prefill_step_s: float = 0.25
    park_bytes: int = 256 << 20
    spill_dir: str = ""
    spill_bytes: int = 0
    cache_type: CacheType = "f16"
    lookup: bool = True
    calibrate_in: str = ""
    may_compact: bool = False
    may_round: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """What the memory of a model depends on, from its header."""

    file_bytes: int
    layers: int
    heads: int
    kv_heads: int
    embedding: int
    key_length: int
    value_length: int
    trained_context: int


DEFAULT_CONTEXT_TOKENS = 4096


def context_of(plan: Plan, trained_context: int) -> int:
    """Tokens of context a conversation gets: what is asked for, never more than was trained."""
    wanted = plan.context_tokens or DEFAULT_CONTEXT_TOKENS
    return min(wanted, trained_context) if trained_context > 0 else wanted


def needed_bytes(plan: Plan, shape: Shape) -> int:
    """Memory for weights, the cache of every sequence, parked conversations, compute buffers."""
    return shape.file_bytes + cache_bytes(plan, shape) + plan.park_bytes + COMPUTE_BYTES


def cache_bytes(plan: Plan, shape: Shape) -> int:
    """Memory for the cache of every sequence."""
    cells = context_of(plan, shape.trained_context) * plan.sequences
    return int(cells * token_bytes(plan, shape))


def token_bytes(plan: Plan, shape: Shape) -> float:
    """Memory for one token in the cache."""
    numbers = shape.layers * shape.kv_heads * (shape.key_length + shape.value_length)
    return numbers * BYTES_A_NUMBER[plan.cache_type]


LEAST_CONTEXT_TOKENS = 1024
MODEST_PARK_BYTES = 64 << 20


def nearest(plan: Plan, shape: Shape, available: int) -> Plan | None:
    """The plan that fits and gives up least; None when even the smallest does not.

    Less room to park and a smaller cache cost hardly anything, fewer conversations at once some
    waiting, a shorter context what the model remembers: so they are given up in this order.
    """
    fitting = (each for each in _smaller(plan, shape) if needed_bytes(each, shape) <= available)
    return next(fitting, None)


def _smaller(plan: Plan, shape: Shape) -> Iterator[Plan]:
    context = context_of(plan, shape.trained_context)
    yield plan
    quarter = replace(plan, park_bytes=plan.park_bytes // 4)
    yield quarter
    modest = replace(plan, park_bytes=min(quarter.park_bytes, MODEST_PARK_BYTES))
    yield modest
    compact = replace(modest, cache_type="q8_0")
    while True:
        for sequences in range(plan.sequences, 0, -1):
            yield replace(compact, sequences=sequences, context_tokens=context)
        if context <= LEAST_CONTEXT_TOKENS:
            return
        context = max(LEAST_CONTEXT_TOKENS, context // 2)


def usable_cores() -> int:
    """Physical cores this process may run on; hyper-threads share one and count once."""
    allowed = os.sched_getaffinity(0)
    cores = {_core(cpu) for cpu in allowed}
    return max(1, min(len(cores), cpus_granted()))


def usable_cpus() -> int:
    """Processors this process may run on, hyper-threads among them."""
    return max(1, min(len(os.sched_getaffinity(0)), cpus_granted()))


def _core(cpu: int) -> str:
    siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    return _read(siblings) or str(cpu)


def available_bytes(root: Path = ROOT) -> int:
    """Memory that may still be taken: the machine's, or its control groups' where that is less.

    What the kernel keeps of files counts in both: a model's own file, read for its checksum, is
    there already when there is asked whether it fits.
    """
    free = memory_left_bytes(root)
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            free = min(free, int(line.split()[1]) << 10)
    return free


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
