"""Nothing is computed for an answer that nobody waits for any more."""

from engine.base import Request, Sampling
from engine.frames import Report
from engine.loop import Loop
from engine.plan import Plan
from engine.prompt import Prompt
from tests.fakes.paper_model import PaperModel

DEADLINE_S = 1000.0


def test_a_deadline_that_passes_in_the_middle_ends_a_prompt_an_answer_and_a_wait() -> None:
    model = PaperModel(2, context_tokens=400, batch_tokens=16)
    loop = Loop(model, Plan(400, 2, waiting=4, batch_tokens=16, lookup=False), model.clock)
    ask(loop, 1, "writes", [1, 2, 3])
    while not loop.step().texts:
        assert loop.busy
    ask(loop, 2, "is read", [4, 5, 6] * 60)
    loop.step()
    ask(loop, 3, "waits", [2, 4, 6] * 60)
    assert loop.load[:2] == (2, 1)
    model.clock_s += DEADLINE_S + 1

    failed = loop.step().failed
    assert {number: each.kind for number, each in failed.items()} == dict.fromkeys(
        (1, 2, 3), "deadline"
    )
    assert not loop.busy
    assert loop.load[:2] == (0, 0)
    assert loop.ledger.free == 2


def test_a_deadline_that_has_not_passed_ends_nothing() -> None:
    model = PaperModel(1, context_tokens=400, batch_tokens=16)
    loop = Loop(model, Plan(400, 1, waiting=4, batch_tokens=16, lookup=False), model.clock)
    ask(loop, 1, "writes", [1, 2, 3])
    model.clock_s += DEADLINE_S - 100
    whole = Report()
    while loop.busy:
        whole.merge(loop.step())

    assert not whole.failed
    assert whole.done[1][0] == "length"


def ask(loop: Loop, number: int, session: str, prompt: list[int]) -> None:
    request = Request(session, session, (), Sampling(temperature=0, max_tokens=50), DEADLINE_S)
    loop.submit(number, request, Prompt(prompt, 1))
