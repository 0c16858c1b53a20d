"""The scripted engine does what a test wrote down."""

import asyncio

import pytest

from engine.base import Delta, EngineStatus, Interrupted, Overloaded, Waiting
from engine.scripted import Script, ScriptedEngine
from tests.contract.engine_fixtures import answer, request


async def test_scripts_come_in_order_and_then_the_echo():
    engine = ScriptedEngine()
    engine.enqueue("first", Overloaded("full", 3.0), Script("partly", Interrupted("x", alone=True)))

    assert (await answer(engine, request("one"))).text == "first"
    with pytest.raises(Overloaded):
        await answer(engine, request("two"))
    stream = engine.stream(request("three"))
    assert await anext(stream) == Delta("partly")
    with pytest.raises(Interrupted):
        await anext(stream)
    assert (await answer(engine, request("four"))).text == "echo: four"
    assert [r.messages[-1].content for r in engine.requests] == ["one", "two", "three", "four"]


async def test_a_place_in_the_line_comes_first():
    engine = ScriptedEngine()
    engine.enqueue(Script("text", waiting=Waiting(2, 1.5)))

    reply = await answer(engine, request("hello"))

    assert reply.deltas[0] == Delta(waiting=Waiting(2, 1.5))


async def test_held_answers_wait_and_are_noted_when_cancelled():
    engine = ScriptedEngine()
    engine.hold()
    task = asyncio.create_task(answer(engine, request("hello")))
    await asyncio.sleep(0)
    assert (await engine.status()).running == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert len(engine.cancelled) == 1
    engine.release()
    assert (await answer(engine, request("again"))).text == "echo: again"


async def test_delays_go_through_the_given_sleep_and_a_state_can_be_played():
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    engine = ScriptedEngine(token_delay_s=0.5, sleep=sleep)
    await answer(engine, request("a b"))
    engine.state = EngineStatus("failed", detail="no model")

    assert slept == [0.5] * 4
    assert (await engine.status()).detail == "no model"
