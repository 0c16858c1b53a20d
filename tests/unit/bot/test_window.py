"""The model sees the system prompt, the last turns that fit, and the question."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bot.window import compose, surely_fits, turns_within
from engine.base import Message
from storage.records import Turn, TurnMessage


def turn(number: int, author: str = "Ann") -> Turn:
    question = TurnMessage(f"m{number}", f"question {number}")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Turn(f"t{number}", "s", "p", author, (question,), f"answer {number}", now, number)


def test_a_direct_conversation() -> None:
    assert compose("sys", [turn(1)], "next", "Ann", room=False) == (
        Message("system", "sys"),
        Message("user", "question 1"),
        Message("assistant", "answer 1"),
        Message("user", "next"),
    )


def test_a_room_names_its_speakers() -> None:
    messages = compose("sys", [turn(1, "Ann")], "next", "Bob", room=True)
    assert [message.content for message in messages] == [
        "sys",
        "Ann: question 1",
        "answer 1",
        "Bob: next",
    ]


costs = st.integers(1, 50)


@given(costs, st.lists(st.tuples(costs, costs), max_size=20), costs, st.integers(0, 1500))
def test_the_newest_whole_turns_fill_the_budget(
    system: int, turns: list[tuple[int, int]], question: int, budget: int
) -> None:
    flat = [system, *[cost for pair in turns for cost in pair], question]
    kept = turns_within(flat, budget)
    used = [sum(pair) for pair in turns[len(turns) - kept :]]
    room = budget - system - question
    assert sum(used) <= max(0, room)
    if kept < len(turns):
        assert sum(used) + sum(turns[len(turns) - kept - 1]) > room


def test_bytes_bound_tokens() -> None:
    messages = [Message("user", "x" * 84)]
    assert surely_fits(messages, 100)
    assert not surely_fits(messages, 99)
