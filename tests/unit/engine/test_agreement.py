"""An answer is the same however its prefix came to be there: the real model, at temperature 0.

Alone in an empty cache is what the others are held against: after parking, beside seven others,
after its window was made ready. Shifted windows are an approximation and are no part of this.
`PARLEY_LONG_FAULTS=1` takes 100 prompts instead of 4.
"""

import itertools
import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from engine.base import Message, Request
from engine.loop import Loop
from tests.contract.engine_fixtures import PLAN, SYSTEM, Steps, loaded_model, request

LONG = bool(os.environ.get("PARLEY_LONG_FAULTS"))
PROMPTS = 100 if LONG else 4
AGREEING = 0.95
TOKENS = 32
SUBJECTS = ["bread", "rain", "chess", "whales", "glass", "Rome", "tea", "bridges", "moss", "clocks"]
ASKS = ["Tell me about {}.", "Why is {} liked?", "Who knows most of {}?", "A story of {}, please.",
        "What is {} made of?", "Where does one find {}?", "Describe {} to a child.",
        "Write an advertisement for {}.", "What is wrong with {}?", "A poem on {}."]  # fmt: skip

Run = Callable[[list[Request]], list[str]]


def asked(number: int, history: int = 2) -> Request:
    """A question after some turns of talk; the turn before them leaves with a smaller `history`."""
    subject = SUBJECTS[number % len(SUBJECTS)]
    turns: list[Message] = []
    for turn in range(3 - history, 3):
        turns.append(Message("user", f"Remark {turn} on {subject}: I saw {number} of it today."))
        turns.append(Message("assistant", f"That is good to hear. {subject.title()} is common."))
    question = ASKS[number // len(SUBJECTS) % len(ASKS)].format(subject)
    return request(
        question, f"session {number}", history=(SYSTEM, *turns), max_tokens=TOKENS, deadline_s=None
    )


def fresh(sequences: int = PLAN.sequences) -> Steps:
    """An empty cache, no drafts, and a clock by which every step is quick."""
    plan = replace(PLAN, sequences=sequences, waiting=PROMPTS, lookup=False)
    steps, ticks = Steps.fresh(plan), itertools.count()
    steps.loop = Loop(loaded_model().model, plan, lambda: next(ticks) / 1000)
    return steps


def answers(steps: Steps, requests: list[Request]) -> list[str]:
    for number, each in enumerate(requests):
        steps.ask(number, each)
    steps.run()
    model = loaded_model().model
    for sequence in range(len(steps.loop.ledger)):
        assert model.held(sequence) == len(steps.loop.ledger.tokens(sequence))
    return [steps.texts[number] for number in range(len(requests))]


def alone(requests: list[Request]) -> list[str]:
    return [answers(fresh(), [each])[0] for each in requests]


def beside_seven(requests: list[Request]) -> list[str]:
    groups = [requests[at : at + 8] for at in range(0, len(requests), 8)]
    return [text for group in groups for text in answers(fresh(), group)]


def after_parking(requests: list[Request]) -> list[str]:
    steps = fresh(sequences=2)
    begun = [replace(each, sampling=replace(each.sampling, max_tokens=1)) for each in requests]
    answers(steps, begun)
    steps.texts.clear()
    texts = answers(steps, requests)
    reused = [steps.usages[number].reused_tokens for number in range(len(requests))]
    prompts = [steps.usages[number].prompt_tokens for number in range(len(requests))]
    assert [at + 1 for at in reused] == prompts
    return texts


def after_a_slide(requests: list[Request]) -> list[str]:
    texts: list[str] = []
    for number, each in enumerate(requests):
        steps = fresh()
        answers(steps, [asked(number, history=3)])
        beginning = loaded_model().prompter.beginning(
            each.messages[:-1], steps.spelled(each.session)
        )
        steps.loop.prepare(each.session, beginning)
        steps.run()
        steps.texts.clear()
        texts += answers(steps, [each])
        assert steps.usages[0].slide == "warmed"
    return texts


@pytest.fixture(scope="module")
def reference() -> list[str]:
    return alone([asked(number) for number in range(PROMPTS)])


@pytest.mark.timeout(1800 if LONG else 120)
@pytest.mark.parametrize(
    "way",
    [
        after_parking,
        beside_seven,
        after_a_slide,
    ],
)
def test_answers_agree_with_a_fresh_run(way: Run, reference: list[str]):
    texts = way([asked(number) for number in range(PROMPTS)])
    same = sum(one == other for one, other in zip(texts, reference, strict=True))

    assert all(reference)
    assert same / PROMPTS >= AGREEING
