"""What a conversation begins with that others had computed, over the whole step loop."""

import random
from collections.abc import Sequence

import pytest

from engine.base import Request, Sampling
from engine.loop import Loop
from engine.plan import Plan
from engine.prompt import Prompt
from tests.fakes.paper_model import PaperModel

SYSTEM = [1, 2, 3, 4, 5, 6] * 10


@pytest.mark.parametrize("park_bytes", [0, 5000])
def test_everybody_behind_the_first_is_lent_the_system_prompt(park_bytes: int) -> None:
    people = Talks(park_bytes)

    assert [people.ask(name, SYSTEM) for name in ("ada", "bob", "cat")] == [0, 60, 60]


@pytest.mark.parametrize("park_bytes", [0, 5000])
def test_no_stranger_is_lent_what_a_person_s_two_system_prompts_begin_with(park_bytes: int) -> None:
    people = Talks(park_bytes)
    people.ask("ada", SYSTEM)

    assert people.ask("ada", [*SYSTEM[:40], 7, 7, 7, 7], session="another") == 40
    assert people.ask("bob", [*SYSTEM[:40], 8, 8, 8, 8]) == 0


def test_no_stranger_is_lent_words_that_stand_where_the_system_prompt_was_longer() -> None:
    people, said = Talks(0, can_shift=False), [6, 6, 5, 5, 4, 4, 3, 3, 2, 2] * 3
    people.ask("ada", SYSTEM, words=said)
    people.prepare("ada", [*SYSTEM[:50], *said])

    assert people.ask("bob", [*SYSTEM[:50]], words=[*said[:10], 1, 1, 1]) <= 50


def test_a_system_prompt_out_of_shifted_parts_stays_in_its_session() -> None:
    draw = random.Random(1)
    long = [draw.randint(1, 6) for _ in range(110)]
    people = Talks(50_000)
    people.ask("ada", long)
    without = [*people.held[:40], *people.held[70:]]
    people.prepare("ada", [*without, 5])
    short = [*people.held, 6, 6]

    assert people.ask("ada", short) == len(short) - 2
    assert people.ask("bob", short) == 0


def test_what_is_parked_comes_back_where_a_lender_has_too_little_more_to_be_copied() -> None:
    people, system, words = Talks(50_000), [*SYSTEM, *SYSTEM[:30]], [5, 4, 3, 2, 1] * 2
    people.ask("ada", system, "parked", words)
    for stranger in ("bob", "cat", "dan", "eve"):
        people.ask(stranger, system)
    people.ask("ada", system, "lender", [*words, 6, 6, 6])

    assert people.ask("ada", system, "parked", [*words, 6, 6, 6, 1]) == len([*system, *words])


class Talks:
    """People who ask one after another."""

    def __init__(self, park_bytes: int, *, can_shift: bool = True) -> None:
        model = PaperModel(4, context_tokens=400, batch_tokens=64)
        model.can_shift = can_shift
        plan = Plan(400, 4, waiting=4, batch_tokens=64, park_bytes=park_bytes, lookup=False)
        self._loop = Loop(model, plan, model.clock)
        self._number = 0

    @property
    def held(self) -> list[int]:
        """What the first sequence holds."""
        return [*self._loop.ledger.tokens(0)]

    def prepare(self, session: str, tokens: list[int]) -> None:
        """The session's window slid."""
        self._loop.prepare(session, tokens)
        while self._loop.busy:
            self._loop.step()

    def ask(
        self, person: str, system: list[int], session: str = "", words: Sequence[int] = ()
    ) -> int:
        """The tokens that were there already when the question was answered."""
        self._number += 1
        session = session or person
        request = Request(session, person, (), Sampling(temperature=0, max_tokens=5))
        question = [*system, *(words or [1 + self._number % 5] * 5)]
        self._loop.submit(self._number, request, Prompt(question, len(system)))
        while self._loop.busy:
            done = self._loop.step().done
            if self._number in done:
                return done[self._number][1].reused_tokens
        raise AssertionError("nobody was answered")
