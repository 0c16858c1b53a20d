"""Keys in writing, and what a file's first page says."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.header import MAGIC, PAGE_BYTES, Look, look_of
from storage.key import BadKey, Key, Keyring, read_keys

ONE, TWO = Key("1f" * 32), Key("2E" * 32)


@pytest.mark.parametrize(
    ("written", "ring"),
    [
        (ONE.digits, Keyring(ONE)),
        (f"\n  {ONE.digits}  # since spring\n", Keyring(ONE)),
        (f"{ONE.digits}\r\n# before\n{TWO.digits}\n", Keyring(ONE, (TWO,))),
    ],
)
def test_the_first_line_is_in_force(written: str, ring: Keyring) -> None:
    assert read_keys(written) == ring


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "no key in it"),
        ("# nothing\n", "no key in it"),
        ("correct horse battery staple", "line 1: a key is 64 hexadecimal digits, this has 28"),
        (f"{ONE.digits}\n{ONE.digits[:-1]}g", "line 2: a key is 64"),
        (f"{ONE.digits}0", "this has 65 characters"),
    ],
)
def test_what_is_no_key_is_not_repeated_in_the_error(written: str, why: str) -> None:
    with pytest.raises(BadKey, match=why) as caught:
        read_keys(written)
    assert not any(line and line in str(caught.value) for line in written.splitlines())
    assert caught.value.__cause__ is None


def test_nothing_shows_a_key() -> None:
    ring = Keyring(ONE, (TWO,))
    assert not {ONE.digits, TWO.digits} & set(f"{ring!r} {ring} {ONE!r}".split("'"))
    assert "1f1f" not in repr(ring)
    assert ONE.mark != TWO.mark
    assert ONE.mark not in ONE.digits


def test_without_encryption_every_key_is_a_former_one() -> None:
    assert Keyring(ONE, (TWO,)).retired() == Keyring(None, (ONE, TWO))
    assert Keyring(ONE, (TWO,)).all == Keyring(ONE, (TWO,)).retired().all == (ONE, TWO)


@pytest.mark.parametrize(
    ("page", "look"),
    [
        (b"", Look.EMPTY),
        (MAGIC + bytes(PAGE_BYTES - len(MAGIC)), Look.READABLE),
        (b"GGUF" + b"\xff" * PAGE_BYTES, Look.FOREIGN),
        (b"a text\n" * 1000, Look.FOREIGN),
        (random.Random(1).randbytes(PAGE_BYTES - 1), Look.FOREIGN),
    ],
)
def test_what_a_first_page_says(page: bytes, look: Look) -> None:
    assert look_of(page[:PAGE_BYTES]) is look


@given(st.integers(0, 2**64))
def test_noise_looks_encrypted(seed: int) -> None:
    assert look_of(random.Random(seed).randbytes(PAGE_BYTES)) is Look.ENCRYPTED
