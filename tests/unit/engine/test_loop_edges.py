"""The edges of the step loop: prompts of next to nothing, a context full to its last token, windows
that no prompt begins with, and a state in a file that nobody waits for any more."""

import pytest

from engine.base import Request, Sampling
from engine.carrier import Carrier
from engine.frames import Report
from engine.loop import Loop
from engine.plan import Plan
from engine.prompt import Prompt, prompt_limit
from tests.fakes.paper_carrier import PaperCarrier
from tests.fakes.paper_model import PaperModel, answer_to, text_of

CONTEXT = 120
SYSTEM = [1, 2, 3, 4, 5, 6] * 5


class OneSequence:
    """A loop with one sequence, and all that was heard of it."""

    def __init__(self, carrier: Carrier | None = None, park_bytes: int = 0) -> None:
        self.model = PaperModel(1, context_tokens=CONTEXT, batch_tokens=16)
        plan = Plan(CONTEXT, 1, waiting=4, batch_tokens=16, park_bytes=park_bytes)
        self.loop = Loop(self.model, plan, self.model.clock, carrier=carrier)
        self.heard = Report()

    def ask(self, number: int, session: str, prompt: list[int], max_tokens: int = 5) -> None:
        sampling = Sampling(temperature=0, max_tokens=max_tokens)
        self.loop.submit(number, Request(session, session, (), sampling), Prompt(prompt, 0))

    def run(self) -> None:
        while self.loop.busy:
            self.heard.merge(self.loop.step())

    def text(self, number: int) -> str:
        return self.heard.texts[number].text


def long_answer_to(length: int, max_tokens: int) -> list[int]:
    """A prompt of so many tokens whose answer is as long as it may be."""
    prompts = ([*(SYSTEM * 9)[: length - 1], last] for last in range(1, 7))
    return next(each for each in prompts if len(answer_to(each, max_tokens)) == max_tokens)


def test_a_prompt_of_nothing_is_refused() -> None:
    one = OneSequence()
    one.ask(1, "ada", [])
    one.run()

    assert one.heard.failed[1].kind == "fault"
    assert not one.heard.done
    assert one.loop.load[:2] == (0, 0)


@pytest.mark.parametrize("max_tokens", [1, 5])
def test_a_prompt_of_one_token_is_answered(max_tokens: int) -> None:
    one = OneSequence()
    for number in (1, 2):
        one.ask(number, "ada", [3], max_tokens)
        one.run()

        assert one.text(number) == text_of(answer_to([3], max_tokens))
        assert one.heard.done[number][1].reused_tokens == 0


@pytest.mark.parametrize("max_tokens", [1, 40, CONTEXT])
def test_a_context_is_filled_to_its_last_token(max_tokens: int) -> None:
    one, length = OneSequence(), prompt_limit(CONTEXT, max_tokens)
    prompt = long_answer_to(length, CONTEXT - length)
    one.ask(1, "ada", prompt, max_tokens)
    one.run()
    one.ask(2, "ada", [*prompt, 1], max_tokens)

    assert one.text(1) == text_of(answer_to(prompt, CONTEXT - length))
    assert one.heard.done[1][1].completion_tokens == CONTEXT - length
    assert one.loop.step().failed[2].kind == "too_long"


@pytest.mark.parametrize("length", [CONTEXT - 1, CONTEXT + 1, 3 * CONTEXT])
def test_a_window_that_no_prompt_begins_with_is_not_made_ready(length: int) -> None:
    one = OneSequence()
    one.ask(1, "ada", [*SYSTEM, 6, 6])
    one.run()
    held = [*one.loop.ledger.tokens(0)]
    one.loop.prepare("ada", [*SYSTEM, *[2, 4] * CONTEXT][:length])
    one.run()

    assert one.loop.ledger.tokens(0) == held


def test_who_is_behind_somebody_that_waits_for_a_file_is_next_when_that_one_goes() -> None:
    carrier = PaperCarrier(50_000)
    one, talk = OneSequence(carrier, park_bytes=1500), SYSTEM * 2
    for number, session in enumerate(("ada", "bob")):
        one.ask(number, session, talk)
        one.run()
    carrier.carry()
    one.loop.step()
    one.ask(2, "ada", [*talk, 6, 6])
    one.ask(3, "eve", [6, 6, 6])
    one.loop.step()
    assert one.loop.awaits_file
    assert not one.loop.busy

    one.loop.cancel(2)
    one.run()

    assert one.text(3) == text_of(answer_to([6, 6, 6], 5))
