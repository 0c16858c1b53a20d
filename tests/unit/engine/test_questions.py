"""A question that nobody waits for any more is taken back."""

import asyncio

import pytest

from engine.base import Overloaded
from engine.frames import Wire
from engine.questions import Gone, Questions

ASKED: Wire = {"op": "count", "id": 7}


async def asked(questions: Questions) -> "tuple[asyncio.Task[Wire], list[Wire]]":
    """A question on its way, and the frames that were sent."""
    sent: list[Wire] = []
    task = asyncio.create_task(questions.ask(ASKED, sent.append))
    await asyncio.sleep(0)
    assert sent == [ASKED]
    assert questions
    return task, sent


async def test_a_caller_who_gives_up_cancels_and_the_late_answer_is_nobodys():
    questions = Questions()
    task, sent = await asked(questions)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert sent == [ASKED, {"op": "cancel", "id": 7}]
    assert not questions
    questions.answer({"op": "counted", "id": 7})


async def test_what_is_answered_or_lost_is_not_cancelled():
    questions = Questions()
    task, sent = await asked(questions)
    questions.answer({"op": "counted", "id": 7})
    assert (await task)["op"] == "counted"
    lost, sent_of_lost = await asked(questions)
    questions.give_up()
    with pytest.raises(Gone):
        await lost
    assert sent == sent_of_lost == [ASKED]


async def test_what_cannot_be_sent_is_not_waited_for():
    questions = Questions()

    def refuse(_: Wire) -> None:
        raise Overloaded("full", 1)

    with pytest.raises(Overloaded):
        await questions.ask(ASKED, refuse)
    assert not questions
