"""How long somebody waits is told from how long the answer before may become, and how long such
answers became."""

import pytest

from engine.base import Request, Sampling
from engine.frames import Report
from engine.loop import Loop
from engine.plan import Plan
from engine.prompt import Prompt
from tests.fakes.paper_model import PaperModel, answer_to

PROMPT = [3, 1, 4, 1, 5, 2, 6] * 2


class OneAtATime:
    """A loop with one sequence, and all that was heard of it."""

    def __init__(self, context_tokens: int = 400) -> None:
        self.model = PaperModel(1, context_tokens=context_tokens, batch_tokens=16)
        plan = Plan(context_tokens, 1, waiting=4, batch_tokens=16, park_bytes=0, lookup=False)
        self.loop = Loop(self.model, plan, self.model.clock)
        self.heard = Report()

    def ask(self, number: int, max_tokens: int) -> None:
        request = Request("s", "s", (), Sampling(temperature=0, max_tokens=max_tokens))
        self.loop.submit(number, request, Prompt(PROMPT, 1))

    def write(self, number: int, tokens: int) -> None:
        while number not in self.heard.texts or self.heard.texts[number].tokens < tokens:
            assert self.loop.busy
            self.heard.merge(self.loop.step())

    def told_and_waited(self) -> tuple[float, float]:
        """Seconds until the first word of somebody who asks now: as foretold, and as it comes."""
        began = self.model.clock_s
        self.ask(99, 5)
        self.heard.merge(self.loop.step())
        told = self.heard.waiting[99].eta_s
        assert told is not None
        self.write(99, 1)
        return told, self.model.clock_s - began


@pytest.mark.parametrize(
    ("max_tokens", "context_tokens"),
    [pytest.param(60, 400, id="as asked for"), pytest.param(1000, 60, id="as there is room")],
)
def test_no_answer_is_waited_for_longer_than_it_may_become(max_tokens: int, context_tokens: int):
    one = OneAtATime(context_tokens)
    assert len(answer_to(PROMPT, 60)) == 60  # nor does it end before
    one.ask(1, max_tokens)
    one.write(1, 3)

    told, waited = one.told_and_waited()
    assert told == pytest.approx(waited, rel=0.2)


def test_a_stopped_answer_tells_nothing_of_how_long_answers_are():
    one = OneAtATime()
    one.ask(1, 60)
    one.write(1, 3)
    one.loop.cancel(1)
    one.ask(2, 60)
    one.write(2, 5)

    told, waited = one.told_and_waited()
    assert told == pytest.approx(waited, rel=0.2)


def test_a_whole_answer_tells_how_long_answers_are():
    one = OneAtATime()
    one.ask(1, 40)
    one.write(1, 40)
    one.ask(2, 60)
    one.write(2, 5)

    told, waited = one.told_and_waited()
    assert told == pytest.approx(waited * 35 / 55, rel=0.2)
