"""Secrets that the homeserver keeps and can't read (client-server API, "Secrets").

Algorithm `m.secret_storage.v1.aes-hmac-sha2`: from the storage key, HKDF-SHA-256 makes an AES and
a MAC key for each secret's name; the empty name is for the check that a key is the right one.
"""

import hmac
import os
from collections.abc import Mapping
from typing import Any, cast

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from unpaddedbase64 import decode_base64, encode_base64

from adapters.matrix.base58 import KEY_BYTES
from adapters.matrix.errors import NotFound
from adapters.matrix.http import Homeserver

ALGORITHM = "m.secret_storage.v1.aes-hmac-sha2"
DEFAULT_KEY = "m.secret_storage.default_key"
CHECKED = bytes(32)
"""What a key's description holds encrypted."""


class WrongKey(Exception):
    """The key does not open what it is tried on."""


def encrypt(key: bytes, name: str, plaintext: bytes, iv: bytes | None = None) -> dict[str, str]:
    """A secret as `{iv, ciphertext, mac}` in unpadded base64."""
    iv = iv or _new_iv()
    aes_key, mac_key = _keys(key, name)
    ciphertext = _aes(aes_key, iv).encrypt(plaintext)
    return {
        "iv": encode_base64(iv),
        "ciphertext": encode_base64(ciphertext),
        "mac": encode_base64(hmac.digest(mac_key, ciphertext, "sha256")),
    }


def decrypt(key: bytes, name: str, sealed: Mapping[str, Any]) -> bytes:
    """The plaintext. Raises `WrongKey`."""
    aes_key, mac_key = _keys(key, name)
    ciphertext = _decoded(sealed, "ciphertext")
    mac = hmac.digest(mac_key, ciphertext, "sha256")
    if not hmac.compare_digest(mac, _decoded(sealed, "mac")):
        raise WrongKey
    return _aes(aes_key, _decoded(sealed, "iv")).decrypt(ciphertext)


def description(key: bytes) -> dict[str, Any]:
    """What account data says about a storage key, so that it can be checked."""
    sealed = encrypt(key, "", CHECKED)
    return {"algorithm": ALGORITHM, "name": "Parley", "iv": sealed["iv"], "mac": sealed["mac"]}


def fits(key: bytes, described: Mapping[str, Any]) -> bool:
    """Whether a key is the one that was described."""
    if described.get("algorithm") != ALGORITHM or "mac" not in described:
        return False
    sealed = encrypt(key, "", CHECKED, _decoded(described, "iv"))
    return hmac.compare_digest(decode_base64(sealed["mac"]), _decoded(described, "mac"))


class SecretStorage:
    """The account's secrets, under one storage key."""

    def __init__(self, server: Homeserver, user_id: str, key_id: str, key: bytes) -> None:
        self._server = server
        self._user_id = user_id
        self._key_id = key_id
        self._key = key

    @classmethod
    async def make(cls, server: Homeserver, user_id: str, key: bytes) -> "SecretStorage":
        """Describe a new storage key and make it the default."""
        key_id = os.urandom(16).hex()
        storage = cls(server, user_id, key_id, key)
        await _put(server, user_id, f"m.secret_storage.key.{key_id}", description(key))
        await _put(server, user_id, DEFAULT_KEY, {"key": key_id})
        return storage

    async def read(self, name: str) -> bytes | None:
        """A secret; None if there is none. Raises `WrongKey`."""
        content = await account_data(self._server, self._user_id, name)
        sealed = content.get("encrypted", {}).get(self._key_id)
        if not isinstance(sealed, dict):
            return None
        return decrypt(self._key, name, cast("dict[str, Any]", sealed))

    async def write(self, name: str, secret: bytes) -> None:
        """Keep a secret."""
        sealed = encrypt(self._key, name, secret)
        await _put(self._server, self._user_id, name, {"encrypted": {self._key_id: sealed}})


async def default_key(server: Homeserver, user_id: str) -> tuple[str, dict[str, Any]] | None:
    """The id and description of the account's storage key, if it has one."""
    key_id = (await account_data(server, user_id, DEFAULT_KEY)).get("key")
    if not isinstance(key_id, str):
        return None
    return key_id, await account_data(server, user_id, f"m.secret_storage.key.{key_id}")


async def account_data(server: Homeserver, user_id: str, name: str) -> dict[str, Any]:
    """The account's own data under a name; empty if there is none."""
    try:
        return await server.get("v3", "user", user_id, "account_data", name)
    except NotFound:
        return {}


async def _put(server: Homeserver, user_id: str, name: str, content: dict[str, Any]) -> None:
    await server.put("v3", "user", user_id, "account_data", name, body=content)


def _new_iv() -> bytes:
    """Random, with bit 63 clear, for implementations whose counter has 64 bits."""
    iv = bytearray(os.urandom(16))
    iv[8] &= 0x7F
    return bytes(iv)


def _keys(key: bytes, name: str) -> tuple[bytes, bytes]:
    derive = cast("Any", HKDF)
    derived: bytes = derive(key, 2 * KEY_BYTES, bytes(32), SHA256, context=name.encode())
    return derived[:KEY_BYTES], derived[KEY_BYTES:]


def _aes(key: bytes, iv: bytes) -> Any:
    return cast("Any", AES).new(key, AES.MODE_CTR, nonce=b"", initial_value=iv)


def _decoded(sealed: Mapping[str, Any], part: str) -> bytes:
    value = sealed.get(part)
    if not isinstance(value, str):
        raise WrongKey
    try:
        return decode_base64(value)
    except ValueError as error:
        raise WrongKey from error
