"""What was shifted stays what it is, whatever happens to it before the next step."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Timer

import pytest

from engine.base import Sampling
from engine.llama import Model
from engine.machine import Aborted, Row
from engine.tuning import PIECE_TOKENS, Tuning
from tests.contract.engine_fixtures import demo_model

CONTEXT = 512
GREEDY = Sampling(temperature=0, repeat_penalty=1.0)
TEXT = (
    "The old harbour lies on the north side of the town. Every morning the boats come in with "
    "fish, and the people from the market wait for them on the stone steps. In winter the water "
    "freezes and the boats stay in the sheds behind the church. Then the men mend their nets and "
    "tell each other stories until the ice is gone and the first ship leaves the harbour again. "
)


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    tuning, path = Tuning(2, 2, PIECE_TOKENS), demo_model().path
    model = Model(path, context_tokens=CONTEXT, sequences=2, batch_tokens=256, tuning=tuning)
    yield model
    model.close()


def parked(model: Model) -> None:
    state = model.save(0)
    model.truncate(0, 0)
    assert model.load(0, state)


def aborted(model: Model) -> None:
    """Some of the layers are turned when it comes, hardly ever the same ones."""
    for tenths in range(1, 40):
        stopping = Timer(tenths / 10_000, model.abort)
        stopping.start()
        with suppress(Aborted):
            model.decode([Row(7, place, 1, wanted=False) for place in range(100)])
        stopping.join()
        model.rearm()
        model.truncate(1, 0)


def beside_one_that_returns(model: Model) -> None:
    """Another sequence is filled to its end."""
    model.truncate(1, 0)
    model.decode([Row(7, place, 1, wanted=False) for place in range(256)])
    model.decode([Row(7, place, 1, wanted=False) for place in range(256, CONTEXT)])
    state = model.save(1)
    model.truncate(1, 0)
    assert model.load(1, state)


@pytest.mark.parametrize("meanwhile", [parked, aborted, beside_one_that_returns])
def test_a_shifted_sequence_goes_on_as_if_nothing_had_come_between(
    model: Model, meanwhile: Callable[[Model], None]
) -> None:
    def nothing(_: Model) -> None: ...

    assert written_after(model, meanwhile) == written_after(model, nothing)


def written_after(model: Model, meanwhile: Callable[[Model], None]) -> list[int]:
    """The next tokens after a shift and what happens `meanwhile`."""
    tokens = model.vocabulary.tokenize(TEXT * 3, special=False)[:240]
    model.truncate(0, 0)
    model.decode([Row(token, at, 0, wanted=False) for at, token in enumerate(tokens)])
    assert model.can_shift
    model.shift(0, 20, 20 + len(tokens) // 3)
    meanwhile(model)
    held, drawn, draws = model.held(0), [tokens[0]], model.sampler(GREEDY)
    for place in range(held, held + 24):
        model.decode([Row(drawn[-1], place, 0, wanted=True)])
        drawn.append(draws.draw(0))
    draws.close()
    return drawn
