"""An answer is the same however its prefix came to be there: the real model, at temperature 0.

Alone in an empty cache is what the others are held against: after parking, beside seven others,
after its window was made ready. Shifted windows are an approximation and are no part of this.
`PARLEY_LONG_FAULTS=1` takes 100 prompts instead of 8, which are too few to tell 95 % from 90 %.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from engine.base import Message, Request
from engine.porter import Disk, Porter
from tests.contract.engine_fixtures import PLAN, SYSTEM, WAIT_S, Steps, loaded_model, request

LONG = bool(os.environ.get("PARLEY_LONG_FAULTS"))
PROMPTS, LEAST_AGREEING = (100, 0.95) if LONG else (8, 0.75)
TOKENS = 32
SPILLING_BYTES = 6 << 20
"""Memory for two of these conversations: for one that comes and one that goes."""
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
    """An empty cache, no drafts, and room to park everybody."""
    plan = replace(PLAN, sequences=sequences, waiting=PROMPTS, lookup=False, park_bytes=1 << 30)
    return Steps.fresh(plan)


def answers(steps: Steps, requests: list[Request]) -> list[str]:
    """Everybody's answer, all asked at once."""
    for number, each in enumerate(requests):
        steps.ask(number, each)
    steps.run()
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
    usages = [steps.usages[number] for number in range(len(requests))]
    assert all(usage.prefilled_tokens == 1 for usage in usages)
    return texts


def after_spilling(requests: list[Request]) -> list[str]:
    """Everybody but the last one waits in a file."""
    woken = threading.Semaphore(0)
    with (
        TemporaryDirectory() as directory,
        Porter(Disk(Path(directory), 1 << 30, "sha"), woken.release, no_notice) as porter,
    ):
        plan = replace(PLAN, sequences=1, waiting=1, lookup=False, park_bytes=SPILLING_BYTES)
        steps = Steps.fresh(plan, carrier=porter)

        def ask(number: int, each: Request) -> None:
            steps.ask(number, each)
            while steps.loop.busy or steps.loop.awaits_file or steps.loop.kept.moving:
                if not steps.loop.busy:
                    assert woken.acquire(timeout=WAIT_S)
                steps.step()

        for number, each in enumerate(requests):
            ask(number, replace(each, sampling=replace(each.sampling, max_tokens=1)))
        assert steps.loop.kept.files == len(requests) - 1
        steps.texts.clear()
        for number, each in enumerate(requests):
            ask(number, each)
    assert all(steps.usages[number].prefilled_tokens == 1 for number in range(len(requests)))
    assert steps.loop.kept.fetched == len(requests)
    return [steps.texts[number] for number in range(len(requests))]


def no_notice(event: str, cause: str) -> None:
    raise AssertionError(f"{event}: {cause}")


def after_a_slide(requests: list[Request]) -> list[str]:
    texts: list[str] = []
    for number, each in enumerate(requests):
        steps = fresh()
        before = asked(number, history=3)
        answers(steps, [replace(before, sampling=replace(before.sampling, max_tokens=1))])
        prompter, spelled = loaded_model().prompter, steps.spelled(each.session)
        steps.loop.prepare(each.session, prompter.beginning(each.messages[:-1], spelled))
        steps.run()
        steps.texts.clear()
        texts += answers(steps, [each])
        assert steps.usages[0].slide == "warmed"
    return texts


@pytest.fixture(scope="module")
def reference() -> list[str]:
    return alone([asked(number) for number in range(PROMPTS)])


@pytest.mark.timeout(1800 if LONG else 300)
@pytest.mark.parametrize(
    ("way", "count"),
    [
        (after_parking, PROMPTS),
        (after_spilling, PROMPTS),
        (beside_seven, PROMPTS),
        (after_a_slide, PROMPTS if LONG else 4),
    ],
)
def test_answers_agree_with_a_fresh_run(way: Run, count: int, reference: list[str]):
    texts = way([asked(number) for number in range(count)])
    same = sum(one == other for one, other in zip(texts, reference[:count], strict=True))

    assert all(texts)
    assert same / count >= LEAST_AGREEING
