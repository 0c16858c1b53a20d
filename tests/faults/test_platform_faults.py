"""Lost responses, refusals and budgets: answers stand once, and one chat does not slow another."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
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


def repeated(person: Someone) -> list[str]:
    """What the answers that stand there repeat, without whom: a slow platform gives no name."""
    return [text.rpartition(": ")[2] for text in whole(person)]


def question(number: int) -> str:
    return f"question {number}"


@dataclass(frozen=True, slots=True)
class Talk:
    """Somebody's conversation with the bot: alone, in a room, or in a thread of it."""

    person: Someone
    thread: str = ""

    async def ask(self, number: int) -> None:
        """Write the next question."""
        await self.person.say(
            question(number), mention=not self.person.place.direct, thread=self.thread
        )


async def talks(stage: Stage) -> list[Talk]:
    """People alone, every third one in a room, and every third one in a thread."""
    found: list[Talk] = []
    for number in range(PEOPLE):
        name = f"p{number}"
        if number % 3 == 0:
            found.append(Talk(await stage.alone(name)))
            continue
        person, _ = await stage.room(name, "bystander")
        root = await person.say("about the roof") if number % 3 == 2 else ""
        found.append(Talk(person, root))
    return found


async def converse(stage: Stage, trouble: Trouble, talk: Talk) -> None:
    """Ask and wait for the answer, again and again, each time through two lost responses."""
    asked: list[str] = []
    for number in range(MESSAGES):
        trouble.lose_responses(talk.person.place)
        await talk.ask(number)
        asked.append(question(number))
        with suppress(TimeoutError):
            await stage.venue.until(lambda: repeated(talk.person) == asked, 120)
        assert repeated(talk.person) == asked, talk.person.texts


@pytest.mark.timeout(600)
async def test_lost_responses_double_no_answer(trouble: Trouble, tmp_path: Path) -> None:
    """Responses are lost after the effect; each answer stands once."""
    async with on(trouble, tmp_path) as stage:
        conversations = await talks(stage)
        await asyncio.gather(*[converse(stage, trouble, talk) for talk in conversations])
        for talk in conversations:
            assert repeated(talk.person) == [question(number) for number in range(MESSAGES)]
        assert trouble.unmet == 0


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
            await stage.venue.until(lambda n=number: len(whole(bob)) == n + 1, 50)
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
