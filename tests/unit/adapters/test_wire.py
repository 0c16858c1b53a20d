"""Frames from a browser: understood, or refused with what is wrong and whose it is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.web import wire

ID = "0123456789abcdef"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("frame", "action"),
    [
        ({"do": "say", "room": "r", "text": "hi"}, wire.Say(id=ID, do="say", room="r", text="hi")),
        ({"do": "delete", "post": "p"}, wire.Delete(id=ID, do="delete", post="p")),
        ({"do": "create", "name": "x"}, wire.Create(id=ID, do="create", name="x")),
    ],
)
def test_actions(frame: dict[str, object], action: wire.Action) -> None:
    assert wire.parse(json.dumps(frame | {"id": ID})) == action


def test_a_question_needs_no_id() -> None:
    asked = wire.parse('{"do":"history","room":"r","before":7}')
    assert asked == wire.History(do="history", room="r", before=7)


def test_half_a_surrogate_pair_is_replaced() -> None:
    action = wire.parse(f'{{"do":"say","id":"{ID}","room":"r","text":"a\\ud800b \\ud83d\\ude00"}}')
    assert isinstance(action, wire.Say)
    assert action.text == "a\ufffdb 😀"


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        ("", "not JSON"),
        ("nonsense", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "."),
        ("null", "."),
        ("{}", "."),
        ('{"do":"dance","id":"0123456789abcdef"}', "dance"),
        ('{"do":"say","id":"0123456789abcdef","room":"r"}', "text"),
        ('{"do":"say","id":"0123456789abcdef","room":"r","text":7}', "text"),
        ('{"do":"say","id":"0123456789abcdef","room":"r","text":"x","as":"bob"}', "as"),
        ('{"do":"say","id":"0123456789abcdef","room":"../x","text":"x"}', "room"),
        ('{"do":"say","id":"short","room":"r","text":"x"}', "id"),
        ('{"do":"say","id":"with.a.point","room":"r","text":"x"}', "id"),
        ('{"do":"react","id":"0123456789abcdef","post":"p","emoji":"🔥"}', "emoji"),
        ('{"do":"press","id":"0123456789abcdef","room":"r","button":"admin"}', "button"),
        ('{"do":"create","id":"0123456789abcdef","name":""}', "name"),
        ('{"do":"history","room":"r","before":1e400}', "before"),
        ('{"do":"history","room":"r","before":99999999999999999999}', "before"),
        ('{"do":"history","room":"r","before":-1}', "before"),
    ],
)
def test_what_is_malformed_is_refused_with_a_reason(frame: str, told: str) -> None:
    with pytest.raises(wire.Malformed, match=told) as refused:
        wire.parse(frame)
    assert len(refused.value.id) <= 64


def test_a_text_that_is_too_long_names_its_action() -> None:
    text = "x" * (wire.MAX_TEXT_CHARS + 1)
    with pytest.raises(wire.Malformed) as refused:
        wire.parse(json.dumps({"do": "say", "id": ID, "room": "r", "text": text}))
    assert refused.value.id == ID


@given(JSON)
def test_any_json_is_understood_or_refused(value: object) -> None:
    for frame in (value, {"do": value}, {"do": "say", "id": ID, "room": "r", "text": value}):
        try:
            wire.parse(json.dumps(frame))
        except wire.Malformed as refused:
            json.dumps(str(refused)).encode()
