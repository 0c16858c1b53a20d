"""Answers that are written at the same time come to stand side by side, in the step loop."""

from collections.abc import Sequence

import pytest

from engine.base import Request, Sampling
from engine.loop import Loop
from engine.plan import Plan
from engine.prompt import Prompt
from engine.state import State
from tests.fakes.paper_model import PaperModel, answer_to, text_of

PEOPLE = ["ada", "bob", "cat", "dan", "eve", "fay"]
APART = ["ada", "cat", "fay"]
ANSWER_TOKENS = 20


def test_conversations_that_stand_apart_are_answered_in_one_pass_before_long():
    team = Team()
    answers = team.ask(APART)

    assert answers == {name: team.due(name) for name in APART}
    assert team.passes[-1] == 1
    assert len(team.passes) - team.passes.count(1) < len(APART)


@pytest.mark.parametrize("park_bytes", [0, 600, 50_000])
def test_all_conversations_are_kept_when_some_have_moved(park_bytes: int):
    team = Team(park_bytes)
    team.ask(APART)

    assert team.passes[-1] == 1
    assert all(team.begins_with_all(name) for name in PEOPLE)


def test_who_can_not_be_moved_is_answered_where_they_stand():
    team = Team()
    team.model.refuses = True
    answers = team.ask(APART)

    assert answers == {name: team.due(name) for name in APART}
    assert min(team.passes) == len(APART)
    assert team.model.saved == 2
    for name in PEOPLE:
        assert team.ask([name]) == {name: team.due(name)}


def test_no_more_is_copied_than_a_sequence_may_hold():
    team = Team(context_tokens=100)
    team.ask(APART)

    assert team.model.saved == 0


def test_an_answer_that_is_nearly_over_stays():
    team = Team()
    team.model.state_s = 1.0
    team.ask(APART)
    team.model.saved = 0
    team.ask(["ada", "eve"])

    assert set(team.passes) == {2}
    assert team.model.saved == 0


class Slow(PaperModel):
    """A model that may take `state_s` for a state, and may refuse to take one."""

    refuses = False
    state_s = 0.0
    saved = 0

    def save(self, sequence: int) -> bytes:
        self.saved += 1
        self.clock_s += self.state_s
        return super().save(sequence)

    def load(self, sequence: int, state: State) -> bool:
        if self.refuses:
            return self.truncate(sequence, 0) > 0
        return super().load(sequence, state)


class Team:
    """People who have each talked before, one sequence beside the other."""

    def __init__(self, park_bytes: int = 50_000, context_tokens: int = 400) -> None:
        self.model = Slow(len(PEOPLE), context_tokens=context_tokens, batch_tokens=64)
        plan = Plan(
            context_tokens, len(PEOPLE), batch_tokens=64, park_bytes=park_bytes, lookup=False
        )
        self._loop = Loop(self.model, plan, self.model.clock)
        self._number = 0
        self._windows = {name: [1 + at, 2, 3, 4, 5, 6] * 8 for at, name in enumerate(PEOPLE)}
        self._due: dict[str, str] = {}
        self._reused: dict[str, int] = {}
        self.passes: list[int] = []
        """Of each step in which all who were asked at once got a token."""
        for name in PEOPLE:
            self.ask([name])

    def due(self, name: str) -> str:
        """The latest answer of a conversation, as a fresh model gives it."""
        return self._due[name]

    def begins_with_all(self, name: str) -> bool:
        """Whether the next question finds what was said before, but for the last token."""
        said = len(self._windows[name])
        self.ask([name])
        return self._reused[name] >= said - 1

    def ask(self, names: Sequence[str]) -> dict[str, str]:
        """What they are answered, all asked at once."""
        asked = {self._submit(name): name for name in names}
        self.passes.clear()
        answers = dict.fromkeys(names, "")
        while self._loop.busy:
            report = self._loop.step()
            if len(self.model.logits) == len(names):
                self.passes.append(self.model.passes)
            for number, piece in report.texts.items():
                answers[asked[number]] += piece.text
            for number, (_, usage) in report.done.items():
                self._reused[asked[number]] = usage.reused_tokens
        return answers

    def _submit(self, name: str) -> int:
        self._number += 1
        prompt = [*self._windows[name], 6, 5]
        answer = answer_to(prompt, ANSWER_TOKENS)
        self._windows[name], self._due[name] = [*prompt, *answer], text_of(answer)
        request = Request(name, name, (), Sampling(temperature=0, max_tokens=ANSWER_TOKENS))
        self._loop.submit(self._number, request, Prompt(prompt, 0))
        return self._number
