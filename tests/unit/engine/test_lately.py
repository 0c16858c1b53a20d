"""Which conversations are read by a model that takes over, and how far."""

from collections.abc import Sequence

import pytest

from engine.base import Message
from engine.lately import Lately, Talk

SYSTEM = Message("system", "Be kind.")
ASKED = (SYSTEM, Message("user", "Hello?"))
SAID = (*ASKED, Message("assistant", "Yes."))


def begun(
    lately: Lately, session: str, now_s: float = 0.0, messages: tuple[Message, ...] = ASKED
) -> Talk:
    talk = Talk(session, messages, now_s)
    lately.begin(talk)
    return talk


def sessions(lately: Lately, now_s: float = 0.0) -> list[str]:
    return [talk.session for talk in lately.latest(now_s)]


@pytest.mark.parametrize(
    ("pieces", "history"),
    [
        (["Yes."], SAID),
        ([" Ye", "s.", "", "\n"], SAID),
        ([], ASKED),
        (["", " "], ASKED),
    ],
)
def test_the_next_prompt_begins_with_the_answer_as_it_was_heard(
    pieces: Sequence[str], history: tuple[Message, ...]
):
    talk = begun(Lately(), "s")
    for piece in pieces:
        talk.hear(piece)
    assert talk.history() == history


def test_a_window_that_slid_is_what_the_next_prompt_begins_with():
    lately = Lately()
    begun(lately, "s", messages=(*SAID, *ASKED[1:])).hear("No.")
    lately.prepare("s", SAID, 1.0)
    lately.prepare("unknown", SAID, 1.0)

    (talk,) = lately.latest(1.0)
    assert talk.history() == SAID


def test_the_latest_come_first_and_the_others_make_room():
    lately = Lately(most=2)
    for session in ("a", "b", "a", "c"):
        begun(lately, session)
    assert sessions(lately) == ["c", "a"]


def test_what_is_old_is_dropped():
    lately = Lately(age_s=10.0)
    for number, session in enumerate("abc"):
        begun(lately, session, 5.0 * number)
    assert sessions(lately, 14.0) == ["c", "b"]
    assert sessions(lately, 30.0) == []


def test_what_is_forgotten_is_gone_and_its_end_is_not_noted():
    lately = Lately()
    talk = begun(lately, "s")
    lately.forget("s")
    talk.hear("Yes.")
    lately.prepare("s", SAID, 0.0)
    assert sessions(lately) == []


def test_only_the_latest_talk_of_a_conversation_is_dropped():
    lately = Lately()
    first, second = begun(lately, "s"), begun(lately, "s")
    lately.drop(first)
    assert [*lately.latest(0.0)] == [second]
    lately.drop(second)
    assert sessions(lately) == []
