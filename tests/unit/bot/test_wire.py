"""JSON from outside is strict and bounded."""

import pytest

from bot.wire import BadRequest, parse


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"a": 1, "a": 2}', "“a” stands twice"),
        (b'{"a": {"b": 1, "b": 1}}', "“b” stands twice"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b"[" * 10_000 + b"]" * 10_000, "nested too deeply"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested too deeply"),
        (b'{"a": ', "not valid JSON"),
        (b"", "not valid JSON"),
        (b"\xff\xfe\xfa", "not valid JSON"),
    ],
)
def test_faults_are_named(body: bytes, told: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(body)
    assert caught.value.status == 400
    assert told in str(caught.value)


def test_a_large_number_stays_exact() -> None:
    assert parse(b'{"update_id": 9007199254740993}') == {"update_id": 2**53 + 1}
