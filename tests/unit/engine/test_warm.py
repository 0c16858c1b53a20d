"""A window that is made ready is its session's, whoever had the sequence meanwhile."""

import random
from itertools import chain

import pytest

from engine.base import Request, Sampling
from engine.kvcache import Ledger
from engine.loop import Loop
from engine.machine import Row
from engine.owner import Owner
from engine.plan import Plan
from engine.prompt import Prompt
from engine.warm import Warmer
from tests.fakes.paper_model import PaperModel, answer_to

SYSTEM = [1, 2, 3, 4, 5, 6] * 6
EARLY, LATE = [2, 2, 3, 1, 5, 4, 6] * 12, [4, 4, 1, 3, 5, 2, 6] * 12
REST_S = 100.0
ADA = Owner("ada", "ada", len(SYSTEM))


class OneSequence:
    """A loop whose only sequence goes from one to the other."""

    def __init__(self) -> None:
        self.model = PaperModel(1, context_tokens=400, batch_tokens=16)
        plan = Plan(400, 1, waiting=4, batch_tokens=16, park_bytes=0, lookup=False)
        self.loop = Loop(self.model, plan, self.model.clock)

    @property
    def held(self) -> tuple[str | None, list[int]]:
        owner = self.loop.ledger.owner(0)
        return owner.session if owner else None, list(self.loop.ledger.tokens(0))

    def ask(self, number: int, session: str, prompt: list[int]) -> None:
        request = Request(session, session, (), Sampling(temperature=0, max_tokens=5))
        self.loop.submit(number, request, Prompt(prompt, len(SYSTEM)))

    def run(self) -> None:
        while self.loop.busy:
            self.loop.step()

    def begin_to_make_ready(self, session: str, window: list[int]) -> None:
        """An engine that often rests makes a window ready, of which no cut is left."""
        for number in range(1, 4):
            self.ask(number, session, [*SYSTEM, *EARLY, *LATE, number])
            self.run()
            self.model.clock_s += REST_S
        self.loop.prepare(session, window)
        self.loop.step()
        assert self.held[0] == session
        assert len(SYSTEM) < len(self.held[1]) < len(window)


def test_a_window_is_not_made_ready_where_somebody_else_is() -> None:
    one, window = OneSequence(), [*SYSTEM, *LATE[::-1], *EARLY]
    one.begin_to_make_ready("ada", window)
    one.ask(9, "bob", [*SYSTEM, *[1, 6, 6, 1, 2] * 20])
    one.model.abort()
    one.loop.step()
    one.loop.cancel(9)
    one.run()

    assert one.held == ("bob", SYSTEM)


def test_a_forgotten_window_is_made_ready_nowhere() -> None:
    one = OneSequence()
    one.begin_to_make_ready("ada", [*SYSTEM, *LATE[::-1], *EARLY])
    one.loop.forget("ada")
    one.run()

    assert one.held == (None, [])


def test_shifts_are_counted_for_as_long_as_what_was_shifted_is_there() -> None:
    """... although each answer's end comes back spelled otherwise, so that a little is computed."""
    model, ledger = PaperModel(1, context_tokens=2000, batch_tokens=64), Ledger(1)
    warmer, chance = Warmer(model, ledger), random.Random(1)
    turns = [chance.choices(range(2, 7), k=50) for _ in range(30)]
    fill(model, ledger, [*SYSTEM, *chain(*turns[:10])], 0)
    told: list[str] = []
    for first in range(1, 16):
        window = [*SYSTEM, *chain(*turns[first : first + 9])]
        warmer.prepare("ada", window, 0)
        turns[first + 8][-3:] = [1, 1, 1]
        prompt = [*SYSTEM, *chain(*turns[first : first + 10])]
        claim = ledger.claim(0, ADA, prompt)
        told.append(warmer.settle("ada", claim))
        model.truncate(0, claim.keep)
        fill(model, ledger, prompt, claim.keep)

    assert told == ["shifted"] * 10 + ["refilled"] + ["shifted"] * 4


def test_a_second_answer_of_the_session_loses_no_count_of_shifts() -> None:
    model, chance = PaperModel(4, context_tokens=900, batch_tokens=64), random.Random(1)
    loop = Loop(model, Plan(900, 4, waiting=4, batch_tokens=64, park_bytes=0), model.clock)
    turns = [chance.choices(range(2, 7), k=20) for _ in range(30)]
    told: list[str] = []
    for last in range(9, 22):
        loop.prepare("ada", [*SYSTEM, *chain(*turns[last - 9 : last])])
        prompt = [*SYSTEM, *chain(*turns[last - 9 : last + 1])]
        turns[last] += answer_to(prompt, 20)
        for number, tokens in ((0, prompt), (1, turns[last])):
            request = Request("ada", "ada", (), Sampling(temperature=0, max_tokens=20))
            loop.submit(number, request, Prompt(tokens, len(SYSTEM)))
            while number == 0 and not loop.step().texts:
                pass
        while loop.busy:
            told += [usage.slide for _, usage in loop.step().done.values() if usage.slide]

    assert told == ["refilled"] + ["shifted"] * 10 + ["refilled", "shifted"]


def test_what_was_shifted_is_not_part_of_an_exact_prefix() -> None:
    model, ledger = PaperModel(1, context_tokens=2000, batch_tokens=64), Ledger(1)
    warmer = Warmer(model, ledger)
    fill(model, ledger, [*SYSTEM, *EARLY, *LATE, *EARLY], 0)
    warmer.prepare("ada", [*SYSTEM, *LATE, *EARLY], 0)
    assert ledger.tokens(0) == [*SYSTEM, *LATE, *EARLY]

    warmer.prepare("ada", [*SYSTEM, *LATE, 1, 1, 1], 1000)

    assert ledger.tokens(0) == model.cells[0] == SYSTEM


def test_what_was_shifted_counts_as_missing_where_an_exact_prefix_would_take_spare_time() -> None:
    model, ledger = PaperModel(1, context_tokens=2000, batch_tokens=64), Ledger(1)
    warmer, window = Warmer(model, ledger), [*SYSTEM, *LATE, *EARLY]
    fill(model, ledger, [*SYSTEM, *EARLY, *LATE, *LATE, *EARLY], 0)
    warmer.prepare("ada", [*SYSTEM, *LATE, *LATE, *EARLY], 0)

    warmer.prepare("ada", window, len(EARLY))

    assert ledger.tokens(0) == model.cells[0] == window


def test_a_window_that_slides_once_more_meanwhile_is_made_ready_as_it_is_then() -> None:
    model, ledger = PaperModel(1, context_tokens=2000, batch_tokens=64), Ledger(1)
    warmer, window = Warmer(model, ledger), [*SYSTEM, *EARLY[::-1]]
    fill(model, ledger, [*SYSTEM, *EARLY, *LATE], 0)
    warmer.prepare("ada", [*SYSTEM, *LATE[::-1], *EARLY], 1000)
    assert ledger.tokens(0) == SYSTEM

    warmer.prepare("ada", window, 1000)
    while rows := warmer.rows(64):
        model.decode(rows)
        ledger.append(0, [row.token for row in rows])

    assert ledger.tokens(0) == model.cells[0] == window
    assert warmer.settle("ada", ledger.claim(0, ADA, [*window, 1])) == "warmed"


@pytest.mark.parametrize(("spare_tokens", "held"), [(83, [*SYSTEM, *LATE]), (84, SYSTEM)])
def test_a_prefix_is_exact_where_it_takes_no_more_than_spare_time(
    spare_tokens: int, held: list[int]
) -> None:
    model, ledger = PaperModel(1, context_tokens=2000, batch_tokens=64), Ledger(1)
    fill(model, ledger, [*SYSTEM, *EARLY, *LATE], 0)
    Warmer(model, ledger).prepare("ada", [*SYSTEM, *LATE], spare_tokens)

    assert ledger.tokens(0) == model.cells[0] == held


@pytest.mark.parametrize(("kept", "told"), [(119, "warmed"), (118, "refilled")])
def test_a_window_of_which_all_but_the_end_was_kept_was_warmed(kept: int, told: str) -> None:
    model, ledger = PaperModel(1, context_tokens=2000, batch_tokens=64), Ledger(1)
    warmer, window = Warmer(model, ledger), [*SYSTEM, *LATE]
    fill(model, ledger, [*SYSTEM, *EARLY], 0)
    warmer.prepare("ada", window, 1000)
    model.decode([Row(t, 36 + i, 0, wanted=False) for i, t in enumerate(LATE[:40])])
    model.decode([Row(t, 76 + i, 0, wanted=False) for i, t in enumerate(LATE[40:])])
    ledger.append(0, LATE)

    assert len(window) == 120
    assert warmer.settle("ada", ledger.claim(0, ADA, [*window[:kept], 7, 7, 7])) == told


def fill(model: PaperModel, ledger: Ledger, tokens: list[int], start: int) -> None:
    """Compute a conversation's tokens from `start` on."""
    ledger.claim(0, ADA, tokens)
    for at in range(start, len(tokens), 64):
        chunk = tokens[at : at + 64]
        model.decode([Row(token, at + i, 0, wanted=False) for i, token in enumerate(chunk)])
    ledger.append(0, tokens[start:])
    ledger.release(0)
