"""Cross-signing and secret storage against the specification's vectors, and by verification."""

import pytest
import vodozemac
from hypothesis import given
from hypothesis import strategies as st
from unpaddedbase64 import decode_base64

from adapters.matrix.base58 import from_recovery_key, to_recovery_key
from adapters.matrix.identity import Identity
from adapters.matrix.secrets import WrongKey, decrypt, description, encrypt, fits
from adapters.matrix.signing import SigningKey, canonical, is_signed, verify

RECOVERY_KEY = "EsTc LW2K PGiF wKEA 3As5 g5c4 BXwk qeeJ ZJV8 Q9fu gUMN UE4d"
RECOVERED = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
"""The pair of matrix-js-sdk's own tests."""

SEED = "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"
SIGNED: list[tuple[dict[str, object], str]] = [
    (
        {},
        "K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ",
    ),
    (
        {"one": 1, "two": "Two"},
        "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw",
    ),
]
"""Specification, appendix "Cryptographic test vectors"."""

KEYS = st.binary(min_size=32, max_size=32)


def test_recovery_key_is_read_and_written_as_others_do() -> None:
    assert from_recovery_key(RECOVERY_KEY) == RECOVERED
    assert to_recovery_key(RECOVERED) == RECOVERY_KEY


@given(KEYS)
def test_recovery_key_comes_back(key: bytes) -> None:
    assert from_recovery_key(to_recovery_key(key)) == key


@pytest.mark.parametrize("text", ["", "x", "0OIl", RECOVERY_KEY[:-1], RECOVERY_KEY[:-1] + "e"])
def test_a_recovery_key_with_a_typing_error_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="not a recovery key"):
        from_recovery_key(text)


@pytest.mark.parametrize(("value", "signature"), SIGNED)
def test_signatures_are_those_of_the_specification(
    value: dict[str, object], signature: str
) -> None:
    key = SigningKey.from_base64(SEED)
    assert key.sign(value) == signature
    assert verify(value, key.public, signature)
    assert not verify({**value, "more": 1}, key.public, signature)


def test_an_identity_is_signed_by_its_master() -> None:
    keys = Identity.new().public_keys("@parley:example.org")
    [master] = keys["master_key"]["keys"].values()
    for usage in ("self_signing", "user_signing"):
        key = keys[f"{usage}_key"]
        assert is_signed(key, "@parley:example.org", master)
        signature = key["signatures"]["@parley:example.org"][f"ed25519:{master}"]
        vodozemac.Ed25519PublicKey.from_base64(master).verify_signature(
            canonical(key), vodozemac.Ed25519Signature.from_base64(signature)
        )


@given(KEYS, st.text(max_size=30), st.binary(max_size=100))
def test_a_secret_comes_back(key: bytes, name: str, secret: bytes) -> None:
    assert decrypt(key, name, encrypt(key, name, secret)) == secret


def test_a_secret_stays_shut_for_another_key_and_another_name() -> None:
    sealed = encrypt(bytes(32), "m.one", b"secret")
    with pytest.raises(WrongKey):
        decrypt(bytes(31) + b"\1", "m.one", sealed)
    with pytest.raises(WrongKey):
        decrypt(bytes(32), "m.two", sealed)
    with pytest.raises(WrongKey):
        decrypt(bytes(32), "m.one", sealed | {"mac": "???"})


def test_a_storage_key_is_known_by_its_description() -> None:
    assert fits(RECOVERED, description(RECOVERED))
    assert not fits(bytes(32), description(RECOVERED))


@given(KEYS)
def test_a_counter_of_64_bits_does_not_overflow(key: bytes) -> None:
    assert decode_base64(encrypt(key, "", b"x")["iv"])[8] < 0x80
