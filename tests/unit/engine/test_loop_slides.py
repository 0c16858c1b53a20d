"""What becomes of a prefix when its conversation's window slides. Counted, never timed."""

from dataclasses import replace

import pytest

from engine.base import Message, Usage
from tests.contract.engine_fixtures import PLAN, SYSTEM, Steps, loaded_model, request


@pytest.fixture
def steps() -> Steps:
    return Steps.fresh()


def conversation(steps: Steps, turns: int, session: str = "s") -> list[Message]:
    """The messages of a talk, without a system prompt; whoever asks thinks before."""
    messages: list[Message] = []
    for number in range(turns):
        text = f"{number} is a number. Say something of it."
        steps.rest(10.0)
        steps.ask(number, request(text, session, history=(SYSTEM, *messages)))
        steps.run()
        messages += [Message("user", text), Message("assistant", steps.texts[number])]
    return messages


def next_turn(steps: Steps, kept: list[Message], number: int, session: str = "s") -> Usage:
    """The turn after a slide; its usage."""
    steps.ask(number, request("And now?", session, history=(SYSTEM, *kept)))
    steps.run()
    return steps.usages[number]


def test_an_idle_engine_computes_the_next_window_before_it_is_asked_for(steps: Steps):
    kept = conversation(steps, 4)[2:]
    steps.loop.prepare("s", loaded_model().prompter.beginning((SYSTEM, *kept), steps.spelled("s")))
    steps.run()
    usage = next_turn(steps, kept, 10)

    assert usage.slide == "warmed"
    assert usage.prefilled_tokens < 20


def test_a_busy_engine_shifts_and_the_next_prompt_is_short(steps: Steps):
    kept = conversation(steps, 4)[2:]
    steps.ask(99, request("Keep on talking.", "other", max_tokens=300))
    steps.step()
    steps.loop.prepare("s", loaded_model().prompter.beginning((SYSTEM, *kept), steps.spelled("s")))
    steps.loop.cancel(99)
    steps.run()
    usage = next_turn(steps, kept, 10)

    assert usage.slide == "shifted"
    assert usage.prefilled_tokens < 20
    assert len(steps.texts[10]) > 0


def test_an_engine_that_seldom_rests_shifts_although_it_is_idle_now(steps: Steps):
    kept = conversation(steps, 4)[2:]
    for number in range(20, 30):
        steps.ask(number, request("Hello.", f"other {number}", max_tokens=2))
        steps.run()
    steps.loop.prepare("s", loaded_model().prompter.beginning((SYSTEM, *kept), steps.spelled("s")))
    steps.run()

    assert next_turn(steps, kept, 10).slide == "shifted"


def test_after_ten_shifts_the_prefix_is_computed_anew(steps: Steps):
    messages = conversation(steps, 4)
    slides: list[str] = []
    for number in range(10, 22):
        messages = messages[2:]
        steps.ask(99 + number, request("Keep on talking.", "other", max_tokens=300))
        steps.step()
        steps.loop.prepare(
            "s", loaded_model().prompter.beginning((SYSTEM, *messages), steps.spelled("s"))
        )
        steps.loop.cancel(99 + number)
        steps.run()
        text = f"{number} is another number."
        steps.ask(number, request(text, history=(SYSTEM, *messages)))
        steps.run()
        slides.append(steps.usages[number].slide)
        messages += [Message("user", text), Message("assistant", steps.texts[number])]

    assert slides == ["shifted"] * 10 + ["warmed", "shifted"]


def test_a_window_that_slid_unannounced_is_refilled(steps: Steps):
    kept = conversation(steps, 4)[2:]
    assert next_turn(steps, kept, 10).slide == ""


def test_somebody_s_message_goes_before_a_window_that_is_made_ready(steps: Steps):
    kept = conversation(steps, 6)[2:]
    steps.loop.prepare("s", loaded_model().prompter.beginning((SYSTEM, *kept), steps.spelled("s")))
    steps.ask(50, request("Hello.", "other", max_tokens=3))
    while 50 not in steps.usages:
        steps.step()
    usage = next_turn(steps, kept, 10)
    assert usage.slide in ("warmed", "refilled")
    assert steps.texts[10]


def test_a_window_that_slid_while_it_was_parked_is_shifted_when_it_comes_back():
    steps = Steps.fresh(replace(PLAN, sequences=1))
    kept = conversation(steps, 4)[2:]
    steps.ask(50, request("other: say something.", "other"))
    steps.run()
    steps.loop.prepare("s", loaded_model().prompter.beginning((SYSTEM, *kept), steps.spelled("s")))
    usage = next_turn(steps, kept, 10)

    assert usage.slide == "shifted"
    assert usage.prefilled_tokens < 20
    assert steps.texts[10]
