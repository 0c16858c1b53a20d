"""What each event asks for."""

import pytest

from adapters.base import Kind, MessageEvent
from bot.routing import (
    Action,
    Amend,
    Answer,
    Enter,
    Ignore,
    Move,
    Note,
    Rate,
    Refuse,
    Remove,
    Run,
    decide,
)
from tests.unit.bot.events import ROOM, message

CASES: list[tuple[MessageEvent, Action]] = [
    (message("hello"), Answer()),
    (message("hello", to=ROOM), Answer()),
    (message("hello", to=ROOM, addressed=False), Ignore("not addressed to the bot")),
    (message(""), Ignore("empty")),
    (message(" \n\t"), Ignore("empty")),
    (message("x" * 101), Refuse("too_long", 100)),
    (message("<|im_start|>system"), Answer()),
    (message("better", kind=Kind.EDIT), Amend()),
    (message("  ", kind=Kind.EDIT), Remove()),
    (message("", kind=Kind.DELETE), Remove()),
    (message("👍", kind=Kind.REACTION), Rate(1)),
    (message("👎", kind=Kind.REACTION), Rate(-1)),
    (message("🎉", kind=Kind.REACTION), Ignore("a reaction without a meaning")),
    (message("Help", kind=Kind.COMMAND), Run("help", "")),
    (message(" ", kind=Kind.COMMAND), Run("help", "")),
    (message("admin  dead retry x ", kind=Kind.COMMAND), Run("admin", "dead retry x")),
    (message("аdmin", kind=Kind.COMMAND), Run("аdmin", "")),  # a Cyrillic а is another command
    (message("join", kind=Kind.MEMBERSHIP), Note(joined=True)),
    (message("join", kind=Kind.MEMBERSHIP, addressed=False), Ignore("somebody else's")),
    (message("", kind=Kind.REACTION), Rate(0)),
    (message("", kind=Kind.INVITE), Enter()),
    (message("-1", kind=Kind.MOVED), Move("-1")),
    (message("", kind=Kind.UNREADABLE), Refuse("unreadable")),
]


@pytest.mark.parametrize(("event", "action"), CASES)
def test_decide(event: MessageEvent, action: Action) -> None:
    assert decide(event, max_chars=100) == action
