"""A conversation that begins with another one's tokens: the real model. Counted, never timed."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from engine.base import Message, Request, Sampling
from engine.llama import Model
from engine.machine import Row
from engine.state import State
from engine.tuning import PIECE_TOKENS, Tuning
from tests.contract.engine_fixtures import PLAN, Steps, demo_model, loaded_model, request

SYSTEM = Message("system", "You are a helpful assistant of the harbour's office. " * 5)
DOCUMENT = (
    "The old harbour lies on the north side of the town. Every morning the boats come in with "
    "fish, and the people from the market wait for them on the stone steps. In winter the water "
    "freezes and the boats stay in the sheds behind the church. "
)
GREEDY = Sampling(temperature=0, repeat_penalty=1.0)


def asked(question: str, session: str, person: str) -> Request:
    """A question about the document."""
    about = request(DOCUMENT + question, session, history=(SYSTEM,))
    return replace(about, person=person)


@pytest.fixture(params=[0, PLAN.park_bytes], ids=["nothing is parked", "with parking"])
def steps(request: pytest.FixtureRequest) -> Steps:
    """Drafts are off, for what is drafted depends on what others said."""
    return Steps.fresh(replace(PLAN, lookup=False, park_bytes=request.param))


def test_a_document_is_lent_to_its_person_and_the_system_prompt_to_all(steps: Steps) -> None:
    steps.ask(1, asked("Where are the boats in winter?", "one", "ada"))
    steps.run()
    again, strange = asked("Who waits?", "two", "ada"), asked("Who waits?", "three", "bob")
    steps.ask(2, again)
    steps.run()
    steps.ask(3, strange)
    steps.run()
    prompter = loaded_model().prompter
    system = prompter.prompt(again.messages, lambda _: None).shared
    (document,) = prompter.count([Message("user", DOCUMENT)])

    assert steps.usages[2].reused_tokens > system + document - 10
    assert steps.usages[3].reused_tokens == system
    assert [steps.texts[2], steps.texts[3]] == [answered_alone(again), answered_alone(strange)]


def test_a_running_answer_lends_what_it_began_with(steps: Steps) -> None:
    long = asked("Tell a long story of it.", "one", "ada")
    steps.ask(1, replace(long, sampling=replace(long.sampling, max_tokens=200)))
    while 1 not in steps.texts:
        steps.step()
    again = asked("Who waits?", "two", "ada")
    steps.ask(2, again)
    while 2 not in steps.usages:
        steps.step()

    assert 1 not in steps.usages
    assert steps.usages[2].prefilled_tokens < 20
    assert steps.texts[2] == answered_alone(again)


def answered_alone(asking: Request) -> str:
    alone = Steps.fresh(replace(PLAN, lookup=False))
    alone.ask(1, asking)
    alone.run()
    assert alone.usages[1].reused_tokens == 0
    return alone.texts[1]


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    tuning, path = Tuning(2, 2, PIECE_TOKENS), demo_model().path
    model = Model(path, context_tokens=256, sequences=3, batch_tokens=256, tuning=tuning)
    yield model
    model.close()


KEPT = 40


def the_copy_is_parked(model: Model, _: State) -> None:
    state = model.save(1)
    model.truncate(1, 0)
    assert model.load(1, state)


def the_lender_is_forgotten(model: Model, _: State) -> None:
    model.truncate(0, 0)


def the_lender_is_written_over(model: Model, other: State) -> None:
    model.truncate(0, 0)
    assert model.load(0, other)


@pytest.mark.parametrize("shifts", [False, True])
@pytest.mark.parametrize(
    "happens", [the_copy_is_parked, the_lender_is_forgotten, the_lender_is_written_over]
)
def test_a_copy_is_whole_before_the_next_step_too(
    model: Model, happens: Callable[[Model, State], None], *, shifts: bool
) -> None:
    at_once, later = (
        written(model, happens, shifts=shifts, steps=steps) for steps in (False, True)
    )
    assert at_once == later


def written(
    model: Model, happens: Callable[[Model, State], None], *, shifts: bool, steps: bool
) -> list[int]:
    """What is written on behind a copy, once something happened at once or after a step."""
    tokens = model.vocabulary.tokenize(DOCUMENT, special=False)
    for sequence in range(3):
        model.truncate(sequence, 0)
    model.decode([Row(token, at, 0, wanted=False) for at, token in enumerate(tokens)])
    model.decode([Row(9, at, 1, wanted=False) for at in range(50)])
    model.decode([Row(7, at, 2, wanted=False) for at in range(50)])
    other = model.save(2)
    if shifts:
        model.shift(0, 2, 12)
    assert model.copy(0, 1, KEPT) == KEPT
    if steps:
        model.decode([Row(7, 50, 2, wanted=False)])
    happens(model, other)
    assert model.held(1) == KEPT
    drawn, draws = [tokens[0]], model.sampler(GREEDY)
    for place in range(KEPT, KEPT + 12):
        model.decode([Row(drawn[-1], place, 1, wanted=True)])
        drawn.append(draws.draw(0))
    draws.close()
    return drawn
