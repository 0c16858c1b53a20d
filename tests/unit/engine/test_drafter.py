"""A second model's drafts: they change how many steps an answer takes, and never the answer."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.base import Request, Sampling
from engine.drafter import CATCH_UP_TOKENS, Drafter
from engine.frames import DraftFile
from engine.llama import Model
from engine.loading import open_model
from engine.loop import Loop
from engine.plan import Plan
from engine.prompt import Prompt
from engine.tuning import Tuning
from tests.contract.engine_fixtures import PLAN, Steps, demo_model, load_of, loaded_model, request
from tests.fakes.paper_model import LETTERS, PaperModel, answer_to, text_of

CONTEXT = 800
PROMPT = [1, 2, 3, 4, 5, 6, 6, 5, 4]
QUESTIONS = ["Name five colours.", "What is a kingfisher?"]
BOUND = Sampling(temperature=0, max_tokens=120)


class Paper:
    """Two loops' worth of paper: an answering model, and one that drafts for it."""

    def __init__(self, clock: Callable[[], float] | None = None, *, vocabulary: int = LETTERS + 1):
        self.model = PaperModel(3, context_tokens=CONTEXT, batch_tokens=256)
        self.second = PaperModel(3, context_tokens=CONTEXT, batch_tokens=CATCH_UP_TOKENS)
        drafter = Drafter(self.second, 3, vocabulary, clock or self.second.clock)
        plan = Plan(CONTEXT, 3, batch_tokens=256, park_bytes=0, lookup=False)
        self.loop = Loop(self.model, plan, self.model.clock, drafter)
        self.texts: dict[int, str] = {}
        self.taken: dict[int, tuple[int, int]] = {}

    def run(self) -> None:
        while self.loop.busy:
            report = self.loop.step()
            for number, piece in report.texts.items():
                self.texts[number] = self.texts.get(number, "") + piece.text
            for number, (_, usage) in report.done.items():
                self.taken[number] = usage.drafted_tokens, usage.taken_tokens


def ask(paper: Paper, number: int, prompt: list[int]) -> None:
    name = f"p{number}"
    paper.loop.submit(number, Request(name, name, (), BOUND), Prompt(prompt, 0))


def long_prompt() -> list[int]:
    """One whose answer is long."""
    found = ([n % LETTERS + 1, *PROMPT * 20] for n in range(7, 400))
    return next(prompt for prompt in found if len(answer_to(prompt, 120)) >= 60)


def without(prompt: list[int]) -> int:
    """Steps of an answer that nobody drafts."""
    model = PaperModel(3, context_tokens=CONTEXT, batch_tokens=256)
    loop = Loop(model, Plan(CONTEXT, 3, batch_tokens=256, lookup=False), model.clock)
    loop.submit(1, Request("s", "p", (), BOUND), Prompt(prompt, 0))
    while loop.busy:
        loop.step()
    return loop.steps


def test_a_cheap_draft_that_agrees_makes_fewer_steps_of_the_same_answer():
    paper, prompt = Paper(clock=lambda: 0.0), long_prompt()
    ask(paper, 1, prompt)
    paper.run()

    assert paper.texts[1] == text_of(answer_to(prompt, 120))
    drafted, taken = paper.taken[1]
    assert taken == drafted > 30
    assert paper.loop.steps < without(prompt)


def test_nothing_that_was_drafted_beyond_an_answer_s_end_counts_as_taken():
    paper = Paper(clock=lambda: 0.0)
    ask(paper, 0, long_prompt())
    prompts = ([n % LETTERS + 1, n // LETTERS % LETTERS + 1, *PROMPT] for n in range(LETTERS**2))
    answers = {number: (each, answer_to(each, 120)) for number, each in enumerate(prompts, start=1)}
    short = {number: both for number, both in answers.items() if 1 < len(both[1]) < 10}
    assert len(short) > 3
    for number, (prompt, answer) in short.items():
        paper.run()
        ask(paper, number, prompt)
        paper.run()

        assert paper.texts[number] == text_of(answer)
        assert paper.taken[number][1] < len(answer)


def test_several_answers_are_drafted_at_once_and_each_is_its_own():
    paper, prompt = Paper(clock=lambda: 0.0), long_prompt()
    prompts = {1: prompt, 2: prompt[:40], 3: [*prompt, 1, 2]}
    for number, each in prompts.items():
        ask(paper, number, each)
    paper.run()

    assert paper.texts == {n: text_of(answer_to(each, 120)) for n, each in prompts.items()}


def test_a_draft_as_dear_as_the_answer_is_tried_once_and_given_up():
    paper, prompt = Paper(), long_prompt()
    ask(paper, 1, prompt)
    paper.run()

    assert paper.texts[1] == text_of(answer_to(prompt, 120))
    assert paper.taken[1][0] <= 8


def test_a_draft_ends_before_a_token_that_the_answering_model_does_not_know():
    paper, prompt = Paper(clock=lambda: 0.0, vocabulary=4), long_prompt()
    ask(paper, 1, prompt)
    paper.run()

    assert paper.texts[1] == text_of(answer_to(prompt, 120))
    drafted, taken = paper.taken[1]
    assert 0 < taken == drafted < 60


def test_forgetting_leaves_nothing_with_the_second_model():
    paper, prompt = Paper(clock=lambda: 0.0), long_prompt()
    ask(paper, 1, prompt)
    paper.run()
    assert any(paper.second.cells)

    paper.loop.forget("p1")

    assert not any(paper.second.cells)


@pytest.fixture(scope="module")
def second() -> Model:
    """The demo model once more, to draft for itself."""
    return Model(
        demo_model().path,
        context_tokens=1024,
        sequences=8,
        batch_tokens=512,
        tuning=Tuning(threads=1, prefill_threads=1, ubatch_tokens=512),
    )


def test_a_real_model_says_the_same_at_temperature_0_with_drafts_and_without(second: Model):
    plan = replace(PLAN, lookup=False)
    size = loaded_model().model.vocabulary.size
    drafter = Drafter(second, PLAN.sequences, size, lambda: 0.0)
    plain, drafting = Steps.fresh(plan), Steps.fresh(plan, drafter)
    for steps in (plain, drafting):
        for sequence in range(PLAN.sequences):
            loaded_model().model.truncate(sequence, 0)
        for number, question in enumerate(QUESTIONS):
            steps.ask(number, request(question, f"s{number}", max_tokens=24))
            steps.run()

    assert plain.texts == drafting.texts
    assert sum(usage.taken_tokens for usage in drafting.usages.values()) > 10


def test_a_draft_model_of_another_vocabulary_is_refused_and_the_model_answers_without(
    tmp_path: Path,
):
    other = tmp_path / "other.gguf"
    whole = demo_model().path.read_bytes()
    other.write_bytes(whole.replace("Ġkingdom".encode(), "Ġkongdim".encode(), 1))
    plan = Plan(context_tokens=256, sequences=1, threads=1, park_bytes=0)
    load = replace(load_of(plan=plan), draft=DraftFile(str(other), ""))

    loaded = open_model(load)

    assert loaded.drafter is None
    assert "other.gguf cannot draft for smollm2-135m-instruct.gguf" in loaded.note
    same = open_model(replace(load, draft=DraftFile(load.path, "")))
    assert same.drafter is not None
    assert same.note == ""
    for each in (loaded, same):
        each.model.close()
