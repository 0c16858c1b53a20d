from dataclasses import fields
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Address, Attachment, Kind, MessageEvent, Person, Quote
from adapters.unicode import whole
from bot.codec import from_record, to_record

HALF = "a\ud800b"
MENDED = "a�b"

VALUES = {
    "address": Address("p", "a", "r", thread=HALF, reply_to=HALF, whisper=HALF, hook=HALF),
    "sender": Person(HALF, HALF, HALF),
    "quote": Quote(HALF, HALF, HALF),
    "files": (Attachment(HALF, HALF, HALF),),
    "event_id": HALF,
    "message_id": HALF,
    "text": HALF,
    "room_name": HALF,
}


@given(st.text(st.characters(exclude_categories=[])))
def test_a_text_is_whole_and_otherwise_the_same(text: str) -> None:
    written = whole(text).encode().decode()
    assert written == whole(text) == whole(whole(text))
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert written == text


def test_a_pair_is_one_character() -> None:
    assert whole("\ud83d\ude00 \ude00\ud83d") == "😀 ��"


@pytest.mark.parametrize("name", VALUES)
def test_an_event_with_half_a_character_can_be_kept(name: str) -> None:
    values = {
        "event_id": "e",
        "kind": Kind.MESSAGE,
        "address": Address("p", "a", "r"),
        "sender": Person("u", "Ann"),
        "message_id": "m",
        "sent_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    event = MessageEvent(**(values | {name: VALUES[name]}))  # pyright: ignore[reportArgumentType]
    assert from_record(to_record(event, "session")) == event
    assert "\ud800" not in repr(event)
    assert MENDED in str(getattr(event, name))


def test_every_text_of_an_event_is_tried() -> None:
    texts = {
        field.name for field in fields(MessageEvent) if field.type == "str" or field.type is str
    }
    assert texts <= set(VALUES)
