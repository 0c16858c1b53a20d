"""What a model needs, and what this machine has."""

import pytest

from engine.plan import (
    COMPUTE_BYTES,
    Plan,
    Shape,
    available_bytes,
    context_of,
    needed_bytes,
    usable_cores,
)

SHAPE = Shape(
    file_bytes=1000,
    layers=2,
    heads=4,
    kv_heads=1,
    embedding=64,
    key_length=16,
    value_length=16,
    trained_context=2048,
)


@pytest.mark.parametrize(
    ("asked", "trained", "given"),
    [(0, 8192, 4096), (0, 2048, 2048), (1024, 8192, 1024), (9000, 8192, 8192), (512, 0, 512)],
)
def test_context(asked: int, trained: int, given: int):
    assert context_of(Plan(context_tokens=asked), trained) == given


def test_memory_is_weights_cache_and_buffers():
    plan = Plan(context_tokens=100, sequences=3, park_bytes=77)

    assert needed_bytes(plan, SHAPE) == 1077 + 300 * 2 * (16 + 16) * 2 + COMPUTE_BYTES


def test_the_machine_is_asked():
    assert usable_cores() >= 1
    assert available_bytes() > 0
