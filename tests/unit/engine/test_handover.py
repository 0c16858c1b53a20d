"""A model reads before it takes over: what, in which order, and not while anybody is answered."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from engine.base import ContextTooLong, Delta, EngineError, Interrupted, Request, Unavailable, Usage
from engine.handover import Capacity, Handover, Read
from engine.lately import Lately, Talk
from tests.contract.engine_fixtures import WAIT_S, eventually, request

TOKENS = 100
CAPACITY = Capacity(conversations=9, tokens=0)


@dataclass(slots=True)
class Model:
    """Reads when it is let, `TOKENS` of each conversation; says what it began and what was broken
    off, and refuses whom it is told to."""

    refusals: dict[str, EngineError] = field(default_factory=dict[str, EngineError])
    began: list[str] = field(default_factory=list[str])
    broken: list[str] = field(default_factory=list[str])
    may_read: asyncio.Event = field(default_factory=asyncio.Event)

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        assert request.sampling.only_reads
        self.began.append(request.session)
        try:
            await self.may_read.wait()
        except asyncio.CancelledError:
            self.broken.append(request.session)
            raise
        if request.session in self.refusals:
            raise self.refusals[request.session]
        yield Delta(finish="length", usage=Usage(TOKENS, 0, TOKENS, 0, 0.0, 0.0, 0.0))

    async def until_began(self, *sessions: str) -> None:
        await eventually(self._began, lambda began: began == [*sessions])

    async def until_broken(self, *sessions: str) -> None:
        await eventually(self._broken, lambda broken: broken == [*sessions])

    async def _began(self) -> list[str]:
        return self.began

    async def _broken(self) -> list[str]:
        return self.broken


def heard(handover: Handover, *sessions: str) -> None:
    """These asked something and were answered."""
    for session in sessions:
        with handover.answering(request("Hello!", session)) as talk:
            talk.hear("Good morning.")


@asynccontextmanager
async def reading(
    handover: Handover, model: Model, capacity: Capacity = CAPACITY
) -> AsyncGenerator[None]:
    """A reading that has to end after the block."""
    task = asyncio.create_task(handover.read(model.stream, capacity))
    yield
    async with asyncio.timeout(WAIT_S):
        await task


async def test_the_latest_are_read_first():
    handover, model = Handover(), Model()
    heard(handover, "ada", "bob", "eve", "bob")
    model.may_read.set()
    async with reading(handover, model):
        pass
    assert model.began == ["bob", "eve", "ada"]


async def test_whoever_asks_breaks_the_reading_off_until_they_are_answered():
    handover, model = Handover(), Model()
    heard(handover, "ada", "bob")
    async with reading(handover, model):
        await model.until_began("bob")
        with (
            handover.answering(request("Hello!", "eve")) as eve,
            handover.answering(request("Hello!", "ada")) as ada,
        ):
            eve.hear("Good")
            ada.hear("Good")
            await model.until_broken("bob")
            model.may_read.set()
            await asyncio.sleep(0)
            assert model.began == ["bob"]
    assert model.began == ["bob", "ada", "eve", "bob"]


async def test_what_is_said_while_others_are_read_is_read_as_well():
    handover, model = Handover(), Model()
    heard(handover, "ada", "bob")
    async with reading(handover, model):
        await model.until_began("bob")
        heard(handover, "bob")
        handover.prepare("bob", request("And then?").messages)
        model.may_read.set()
    assert (model.broken, model.began) == (["bob"], ["bob", "bob", "ada"])


async def test_a_forgotten_conversation_is_read_no_further():
    handover, model = Handover(), Model()
    heard(handover, "ada", "bob")
    async with reading(handover, model):
        await model.until_began("bob")
        handover.forget("bob")
        model.may_read.set()
        await model.until_broken("bob")
    assert model.began == ["bob", "ada"]


async def test_what_is_heard_of_a_forgotten_conversation_is_not_read():
    handover, model = Handover(), Model()
    with handover.answering(request("Hello!", "ada")) as talk:
        handover.forget("ada")
        talk.hear("Good morning.")
    async with reading(handover, model):
        pass
    assert model.began == []


async def test_a_conversation_with_a_model_asked_for_by_name_is_not_read():
    handover, model = Handover(), Model()
    with handover.answering(replace(request("Hello!", "ada"), model="other")) as talk:
        talk.hear("Good morning.")
        async with reading(handover, model):
            pass
    assert model.began == []


@pytest.mark.parametrize("busy", [True, False], ids=["somebody is answered", "it is slow"])
async def test_a_reading_ends_when_time_is_up(*, busy: bool):
    handover, model = Handover(longest_s=0.05), Model()
    heard(handover, "ada")
    if not busy:
        async with reading(handover, model):
            pass
        assert (model.began, model.broken) == (["ada"], ["ada"])
        return
    with handover.answering(request("Hello!", "bob")):
        async with reading(handover, model):
            pass
    assert model.began == []


@pytest.mark.parametrize(
    ("capacity", "read"),
    [
        (Capacity(1, 0), ["dan"]),
        (Capacity(2, 0), ["dan", "eve"]),
        (Capacity(1, TOKENS), ["dan", "eve"]),
        (Capacity(0, 3 * TOKENS), ["dan", "eve", "bob", "ada"]),
        (Capacity(9, 0), ["dan", "eve", "bob", "ada"]),
    ],
)
async def test_no_more_is_read_than_there_is_room_for(capacity: Capacity, read: list[str]):
    handover, model = Handover(), Model()
    heard(handover, "ada", "bob", "eve", "dan")
    model.may_read.set()
    async with reading(handover, model, capacity):
        pass
    assert model.began == read


def test_what_was_added_to_a_conversation_that_was_read_needs_no_more_room():
    done, said = Read(Capacity(1, 0)), request("Hello!").messages
    before, after, other = (Talk(session, said, 0.0) for session in ("ada", "ada", "bob"))
    done.note(before, TOKENS)

    assert [done.wants(talk) for talk in (before, after, other)] == [False, True, False]


async def test_what_a_model_refuses_is_skipped():
    handover = Handover()
    model = Model({"bob": ContextTooLong(900, 500), "eve": Unavailable("no template")})
    heard(handover, "ada", "bob", "eve")
    model.may_read.set()
    async with reading(handover, model):
        pass
    assert model.began == ["eve", "bob", "ada"]


async def test_what_a_model_refuses_takes_no_room():
    handover, model = Handover(), Model({"bob": ContextTooLong(900, 500)})
    heard(handover, "ada", "eve", "bob")
    model.may_read.set()
    async with reading(handover, model, Capacity(2, 0)):
        pass
    assert model.began == ["bob", "eve", "ada"]


async def test_nothing_is_read_while_one_of_two_is_still_answered():
    handover, model = Handover(), Model()
    heard(handover, "ada")
    model.may_read.set()
    async with reading(handover, model):
        with handover.answering(request("Hello!", "bob")):
            with handover.answering(request("Hello!", "eve")):
                pass
            for _ in range(5):
                await asyncio.sleep(0)
            assert model.began == []
    assert model.began == ["ada"]


def test_as_many_are_expected_to_be_read_as_there_may_be_room_for():
    handover = Handover()
    heard(handover, "ada", "bob", "eve")

    assert handover.expected(Capacity(2, 0)) == 2
    assert handover.expected(Capacity(2, TOKENS)) == handover.expected(Capacity(9, 0)) == 3


async def test_a_model_that_dies_of_a_conversation_need_not_read_the_rest():
    handover = Handover()
    model = Model({"bob": Interrupted("it ended", alone=True)})
    heard(handover, "ada", "bob")
    model.may_read.set()
    async with reading(handover, model):
        pass
    assert model.began == ["bob"]


async def test_what_was_refused_is_not_read():
    handover, model = Handover(), Model()
    with pytest.raises(ContextTooLong), handover.answering(request("Hello! " * 999, "ada")):
        raise ContextTooLong(999, 500)
    async with reading(handover, model):
        pass
    assert model.began == []


async def test_nothing_is_read_where_nothing_is_noted():
    handover, model = Handover(Lately(most=0)), Model()
    heard(handover, "ada")
    async with reading(handover, model):
        pass
    assert model.began == []
