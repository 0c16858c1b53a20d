"""Lost responses, refusals and budgets: answers stand once, and one chat does not slow another."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from bot.lane import WRITING
from tests.faults.troubles import trouble_of
from tests.scenario.stage import Someone, Stage, staged
from tests.venues.base import Venue
from tests.venues.registry import VENUES

PLATFORMS = [name for name in VENUES if name != "web"]
PEOPLE = 20
MESSAGES = 5
LONG_ANSWER_TOKENS = 3_000


@pytest.fixture(params=PLATFORMS)
async def venue(request: pytest.FixtureRequest) -> AsyncGenerator[Venue]:
    async with VENUES[request.param]() as venue:
        yield venue


def whole(person: Someone) -> list[str]:
    """The answers that stand there, without placeholders that stayed behind."""
    return [text for text in person.texts if not text.endswith(WRITING.strip())]


async def converse(stage: Stage, person: Someone) -> None:
    """Ask and wait for the answer, again and again, each time through two lost responses."""
    for number in range(MESSAGES):
        trouble_of(stage.venue).lose_responses(person.place)
        await person.say(f"question {number}")
        expected = [f"echo: question {each}" for each in range(number + 1)]
        await stage.venue.until(lambda expected=expected: whole(person) == expected, 60)


@pytest.mark.timeout(300)
async def test_lost_responses_double_no_answer(venue: Venue, tmp_path: Path) -> None:
    """200 responses are lost after the effect; each answer stands once."""
    async with staged(venue, tmp_path) as stage:
        people = [await stage.alone(f"p{number}") for number in range(PEOPLE)]
        await asyncio.gather(*[converse(stage, person) for person in people])
        await venue.until(lambda: trouble_of(venue).unmet == 0)
        for person in people:
            assert whole(person) == [f"echo: question {number}" for number in range(MESSAGES)]


async def test_a_chat_that_must_wait_a_minute_slows_no_other(venue: Venue, tmp_path: Path) -> None:
    async with staged(venue, tmp_path, sections={"bot": {"drain_s": 0}}) as stage:
        ann, bob = await stage.alone("ann"), await stage.alone("bob")
        trouble_of(venue).refuse_in(ann.place, 60)
        await ann.say("hello")
        await venue.until(lambda: trouble_of(venue).unmet == 0)
        for number in range(3):
            await bob.say(f"hello {number}")
            await venue.until(lambda n=number: len(whole(bob)) == n + 1, 10)
        assert whole(ann) == []


@pytest.mark.timeout(300)
async def test_a_long_answer_stays_within_the_platform_s_budget(
    venue: Venue, tmp_path: Path
) -> None:
    sections = {"engine": {"kind": "scripted", "max_tokens": 4_000, "context_tokens": 16_000}}
    async with staged(venue, tmp_path, sections=sections) as stage:
        trouble_of(venue).keep_pace()
        (ann,) = await stage.room("ann")
        words = [f"word{number}" for number in range(LONG_ANSWER_TOKENS)]
        stage.engine.enqueue(" ".join(words))
        stage.engine.token_delay_s = 0.004
        await ann.say("at length", mention=True)
        await venue.until(lambda: " ".join(ann.texts).split() == words, 200)
        assert trouble_of(venue).refused == 0
