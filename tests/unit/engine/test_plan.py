"""What a model needs, and what this machine has."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.plan import (
    COMPUTE_BYTES,
    Plan,
    Shape,
    available_bytes,
    cache_bytes,
    context_of,
    nearest,
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


def test_a_cache_of_bytes_takes_about_half():
    plan = Plan(context_tokens=1024, sequences=4)
    full, compact = cache_bytes(plan, SHAPE), cache_bytes(replace(plan, cache_type="q8_0"), SHAPE)
    assert compact * 32 == full * 17


@given(st.integers(0, 4 << 30), st.sampled_from([256 << 20, 0, 64 << 30]))
def test_the_nearest_plan_fits_and_is_no_larger(available: int, park_bytes: int):
    plan = Plan(context_tokens=4096, sequences=8, park_bytes=park_bytes)
    shape = replace(
        SHAPE, trained_context=8192, layers=24, kv_heads=8, key_length=128, value_length=128
    )
    found = nearest(plan, shape, available)
    least_parked = min(park_bytes // 4, 64 << 20)
    smallest = Plan(1024, 1, cache_type="q8_0", park_bytes=least_parked)
    if found is None:
        assert needed_bytes(smallest, shape) > available
    else:
        assert needed_bytes(found, shape) <= available
        assert found.sequences <= 8
        assert found.context_tokens <= 4096
        assert found == plan or needed_bytes(plan, shape) > available


def test_the_machine_is_asked():
    assert usable_cores() >= 1
    assert available_bytes() > 0
