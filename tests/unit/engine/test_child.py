"""A worker's process, talked to in frames: one that does not read, and one that is confused."""

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from engine import frames
from engine.base import Overloaded
from engine.child import MOST_UNSENT_BYTES, Child
from engine.frames import Load, Purpose, Wire
from engine.plan import Plan
from tests.contract.engine_fixtures import demo_model

PIPE_BYTES = 4 << 20
"""More than the kernel holds of a socket pair."""
PASSES = 100


def load_for(purpose: Purpose) -> Load:
    plan = Plan(context_tokens=256, sequences=1, threads=1, park_bytes=0)
    return Load(str(demo_model().path), "", "demo", plan, purpose)


@asynccontextmanager
async def child_for(purpose: Purpose) -> AsyncGenerator[Child]:
    child = await Child.spawn(load_for(purpose))
    try:
        yield child
    finally:
        child.kill()
        await child.close()


async def heard(child: Child) -> Wire:
    frame = await child.receive()
    assert frame is not None
    return frame


def filled(child: Child, text: str) -> int:
    """Send a text until no more is taken; returns bytes of text that were."""
    for sent in range(10_000):
        try:
            child.send(frames.embed_frame(0, [text]))
        except Overloaded:
            return sent * len(text)
    raise AssertionError("all is taken")


async def test_what_waits_for_a_worker_that_does_not_read_is_bounded_and_a_cancel_passes():
    async with child_for("embed") as child:
        os.kill(child.pid, signal.SIGSTOP)
        sent_bytes = sum(filled(child, "x" * size) for size in (1 << 20, 1 << 10, 1))

        assert MOST_UNSENT_BYTES * 0.9 < sent_bytes < MOST_UNSENT_BYTES + PIPE_BYTES
        for number in range(9):
            child.send(frames.cancel_frame(number))
        child.send(frames.forget_frame(9, "ada"))


async def test_others_come_in_between_and_a_cancelled_question_is_not_computed_to_its_end():
    async with child_for("embed") as child:
        child.send(frames.embed_frame(1, ["long"] * (32 * PASSES)))
        child.send(frames.embed_frame(2, ["short"]))
        answered: list[int] = []
        while 2 not in answered:
            if (frame := await heard(child))["op"] == "embedded":
                answered.append(frame["id"])
        child.send(frames.cancel_frame(1))
        child.send(frames.embed_frame(3, ["next"]))
        is_idle = False
        while not is_idle:
            frame = await heard(child)
            if frame["op"] == "embedded":
                answered.append(frame["id"])
            is_idle = frame["op"] == "status" and 3 in answered and not frame["status"]["running"]

    assert answered == [2, 3]


async def test_a_thread_that_fails_takes_its_process_with_it():
    async with child_for("answer") as child:
        assert (await heard(child))["op"] == "status"
        child.send({"op": "count", "id": 1})  # counts nothing: a fault of ours

        assert await child.receive() is None
        assert "KeyError" in await child.close()
