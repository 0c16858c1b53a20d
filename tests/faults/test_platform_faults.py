"""Lost responses, refusals and budgets: answers stand once, and one chat does not slow another."""

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from bot.lane import WRITING
from tests.faults.troubles import PACED, TROUBLES, Trouble
from tests.scenario.stage import Someone, Stage, staged

PEOPLE = 20
MESSAGES = 5 if os.environ.get("PARLEY_LONG_FAULTS") else 1
"""Two responses are lost for each: 200 in the long trials, 40 in the short ones."""
LONG_ANSWER_TOKENS = 3_000


@pytest.fixture(params=list(TROUBLES))
async def trouble(request: pytest.FixtureRequest) -> AsyncGenerator[Trouble]:
    async with TROUBLES[request.param]() as trouble:
        yield trouble


@pytest.fixture(params=list(PACED))
async def paced(request: pytest.FixtureRequest) -> AsyncGenerator[Trouble]:
    async with PACED[request.param]() as trouble:
        yield trouble


def on(trouble: Trouble, directory: Path, **sections: dict[str, Any]) -> Any:
    """A bot that reaches its platform by way of the trouble."""
    return staged(trouble.venue, directory, sections=sections | trouble.settings())


def whole(person: Someone) -> list[str]:
    """The answers that stand there, without placeholders that stayed behind."""
    return [text for text in person.texts if not text.endswith(WRITING.strip())]


async def converse(stage: Stage, trouble: Trouble, person: Someone) -> None:
    """Ask and wait for the answer, again and again, each time through two lost responses."""
    for number in range(MESSAGES):
        trouble.lose_responses(person.place)
        await person.say(f"question {number}")
        expected = [f"echo: question {each}" for each in range(number + 1)]
        await stage.venue.until(lambda expected=expected: whole(person) == expected, 90)


@pytest.mark.timeout(600)
async def test_lost_responses_double_no_answer(trouble: Trouble, tmp_path: Path) -> None:
    """Responses are lost after the effect; each answer stands once."""
    async with on(trouble, tmp_path) as stage:
        people = [await stage.alone(f"p{number}") for number in range(PEOPLE)]
        await asyncio.gather(*[converse(stage, trouble, person) for person in people])
        for person in people:
            assert whole(person) == [f"echo: question {number}" for number in range(MESSAGES)]
        assert trouble.unmet < PEOPLE * MESSAGES


async def test_a_chat_that_must_wait_a_minute_slows_no_other(
    trouble: Trouble, tmp_path: Path
) -> None:
    async with on(trouble, tmp_path, bot={"drain_s": 0}) as stage:
        ann, bob = await stage.alone("ann"), await stage.alone("bob")
        trouble.refuse_in(ann.place, 60)
        await ann.say("hello")
        await stage.venue.until(lambda: trouble.unmet == 0)
        for number in range(3):
            await bob.say(f"hello {number}")
            await stage.venue.until(lambda n=number: len(whole(bob)) == n + 1, 10)
        assert whole(ann) == []


@pytest.mark.timeout(300)
async def test_a_long_answer_stays_within_the_platform_s_budget(
    paced: Trouble, tmp_path: Path
) -> None:
    engine = {"kind": "scripted", "max_tokens": 4_000, "context_tokens": 16_000}
    async with on(paced, tmp_path, engine=engine) as stage:
        paced.keep_pace()
        (ann,) = await stage.room("ann")
        words = [f"word{number}" for number in range(LONG_ANSWER_TOKENS)]
        stage.engine.enqueue(" ".join(words))
        stage.engine.token_delay_s = 0.004
        await ann.say("at length", mention=True)
        await stage.venue.until(lambda: " ".join(ann.texts).split() == words, 200)
        assert paced.refused == 0
