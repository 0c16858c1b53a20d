"""Suspects run alone; nobody else waits longer than that."""

import asyncio

from engine.gate import MAX_SUSPECTS, Gate


async def entered(gate: Gate, session: str) -> "asyncio.Task[None]":
    task = asyncio.create_task(gate.enter(session))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_everybody_comes_in_together():
    gate = Gate()

    assert all([(await entered(gate, name)).done() for name in ("a", "b", "a")])


async def test_a_suspect_waits_until_it_is_alone_and_others_for_it():
    gate = Gate()
    gate.suspect("bad")
    assert (await entered(gate, "a")).done()
    bad = await entered(gate, "bad")
    other = await entered(gate, "b")
    assert (bad.done(), other.done()) == (False, False)

    gate.leave()
    await bad
    assert not other.done()

    gate.clear("bad")
    gate.leave()
    await other
    assert (await entered(gate, "bad")).done()


async def test_suspects_run_one_at_a_time():
    gate = Gate()
    gate.suspect("x")
    gate.suspect("y")
    first, second = await entered(gate, "x"), await entered(gate, "y")
    assert (first.done(), second.done()) == (True, False)

    gate.leave()

    await second


async def test_a_suspect_that_gives_up_lets_the_others_in():
    gate = Gate()
    gate.suspect("bad")
    await gate.enter("a")
    bad, other = await entered(gate, "bad"), await entered(gate, "b")
    bad.cancel()
    await asyncio.gather(bad, return_exceptions=True)

    await other


async def test_suspects_are_bounded():
    gate = Gate()
    for number in range(MAX_SUSPECTS + 1):
        gate.suspect(str(number))

    await gate.enter("a")
    assert (await entered(gate, "0")).done()
    assert not (await entered(gate, "1")).done()
