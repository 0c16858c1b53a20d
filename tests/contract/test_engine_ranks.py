"""Answers of the real model while they come to stand side by side."""

from dataclasses import replace

from engine.base import Message
from tests.contract.engine_fixtures import PLAN, SYSTEM, Steps, request

APART = (0, 3, 6)
QUESTION = "Tell me more about them, please."


def test_answers_that_move_are_those_that_stay():
    moved, stayed = answers(token_interval_s=PLAN.step_s), answers(token_interval_s=0)

    assert moved.pop("busy") != "0 3 6"
    assert stayed.pop("busy") == "0 3 6"
    assert moved == stayed


def answers(token_interval_s: float) -> dict[str, str]:
    """What three of eight conversations say, and where they stood at last; nobody moves where that
    may take no time."""
    steps = Steps.fresh(replace(PLAN, step_s=token_interval_s))
    for number in range(PLAN.sequences):
        steps.ask(number, request(f"Say one word about the number {number}.", f"s{number}"))
        steps.run()
    for number in APART:
        first = f"Say one word about the number {number}."
        history = (SYSTEM, Message("user", first), Message("assistant", steps.texts[number]))
        steps.ask(100 + number, request(QUESTION, f"s{number}", history=history, max_tokens=24))
    busy: list[int] = []
    while steps.loop.busy:
        steps.step()
        if len(steps.loop.ledger.busy) == len(APART):
            busy = steps.loop.ledger.busy
    texts = {str(number): steps.texts[100 + number] for number in APART}
    return {**texts, "busy": " ".join(map(str, busy))}
