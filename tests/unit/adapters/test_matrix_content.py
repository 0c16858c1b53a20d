"""What is sent fits into an event, whatever is written, in encrypted rooms too."""

import json
from typing import Any

import pytest
import vodozemac
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Address, Rendered
from adapters.markup import render
from adapters.matrix import content
from adapters.matrix.content import MAX_BODY_BYTES, MAX_EVENT_BYTES

ADDED_BYTES = 3_000
"""What the server adds to a content: ids, up to 30 references to other events, signatures."""
THREAD = Address("matrix", "bot", "!r:x", thread="$" + "t" * 43, reply_to="$" + "e" * 43)


def sealed_bytes(message: dict[str, Any]) -> int:
    """The size of the encrypted event that a content becomes."""
    payload = {"type": "m.room.message", "content": message, "room_id": "!" + "r" * 43}
    session = vodozemac.GroupSession()
    clear = json.dumps(payload, ensure_ascii=False).encode()
    return len(session.encrypt(clear).to_base64()) + ADDED_BYTES


@pytest.mark.parametrize(
    "unit", ["a", "\n", '"', "\\", "é", "字", "😀", "<", "&", "---\n\n", "- a\n", "| a |\n", "> \n"]
)
@pytest.mark.parametrize("growing", [False, True])
def test_the_longest_text_fits(unit: str, growing: bool) -> None:
    html = (unit * MAX_BODY_BYTES).encode()[:MAX_BODY_BYTES].decode(errors="ignore")
    source = unit * (MAX_BODY_BYTES // len(unit))
    rendered = Rendered(html, source, growing=growing)
    for message in (
        content.message(rendered, THREAD),
        content.replacement(rendered, "$" + "e" * 43),
    ):
        assert sealed_bytes(message) <= MAX_EVENT_BYTES
        shown = message.get("m.new_content", message)
        assert shown["formatted_body"] == html


@given(st.text(max_size=300))
def test_nobody_is_pinged(markdown: str) -> None:
    rendered = render(markdown, "matrix")
    to = Address("matrix", "bot", "!r:x")
    message, edit = content.message(rendered, to), content.replacement(rendered, "$e")
    assert message["m.mentions"] == edit["m.mentions"] == edit["m.new_content"]["m.mentions"] == {}


def test_a_growing_text_says_so_to_old_clients_too() -> None:
    message = content.message(Rendered("<p>soup …</p>", "soup", growing=True), THREAD)
    assert message["body"] == "soup …"


def test_a_thread_shows_in_clients_without_threads() -> None:
    relates = content.message(Rendered("<p>x</p>", "x"), THREAD)["m.relates_to"]
    assert relates["rel_type"] == "m.thread"
    assert relates["is_falling_back"]
    assert relates["m.in_reply_to"] == {"event_id": THREAD.reply_to}
