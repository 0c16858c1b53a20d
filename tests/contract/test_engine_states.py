"""States of conversations come and go: what is dropped of them, the system has back."""

from collections.abc import Iterator
from os import getpid

import pytest

from bench.rows.memory import resident_bytes
from engine.llama import Model
from engine.machine import Row
from engine.tuning import PIECE_TOKENS, Tuning
from tests.contract.engine_fixtures import demo_model

STATES = 8
TOKENS = 120


@pytest.fixture
def model() -> Iterator[Model]:
    tuning, path = Tuning(2, 2, PIECE_TOKENS), demo_model().path
    model = Model(path, context_tokens=256, sequences=1, batch_tokens=TOKENS, tuning=tuning)
    model.decode([Row(7, place, 0, wanted=False) for place in range(TOKENS)])
    yield model
    model.close()


def test_the_memory_of_a_dropped_state_is_free_whatever_was_saved_after_it(model: Model):
    model.save(0)  # once one this large was freed, the C library maps the next ones no more
    states = [model.save(0) for _ in range(STATES)]
    full = resident_bytes(getpid())
    size = len(states[0])
    del states[::2]
    freed = full - resident_bytes(getpid())
    assert freed > 0.9 * size * STATES / 2
    assert all(model.load(0, state) for state in states)
    assert full - resident_bytes(getpid()) > 0.9 * size * STATES / 2
