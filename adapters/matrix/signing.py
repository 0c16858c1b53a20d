"""PURE. Ed25519 signatures over canonical JSON (specification, appendix "Signing JSON")."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from unpaddedbase64 import decode_base64, encode_base64

UNSIGNED = frozenset({"signatures", "unsigned"})
"""Members that a signature does not cover."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key by its seed of 32 bytes."""

    seed: bytes

    @classmethod
    def from_base64(cls, text: str) -> "SigningKey":
        """A key as secret storage holds it: the seed in base64. Raises `ValueError`."""
        seed = decode_base64(text)
        if len(seed) != 32:
            raise ValueError("an Ed25519 seed has 32 bytes")
        return cls(seed)

    @property
    def private(self) -> str:
        """The seed in unpadded base64."""
        return encode_base64(self.seed)

    @property
    def public(self) -> str:
        """The public key in unpadded base64."""
        key = cast("Any", eddsa).import_private_key(self.seed)
        return encode_base64(key.public_key().export_key(format="raw"))

    def sign(self, value: Mapping[str, Any]) -> str:
        """The signature of a JSON object, in unpadded base64."""
        signer = cast("Any", eddsa)
        return encode_base64(
            signer.new(signer.import_private_key(self.seed), "rfc8032").sign(canonical(value))
        )


def canonical(value: Mapping[str, Any]) -> bytes:
    """The one way to write a JSON object: sorted, without spaces, in UTF-8."""
    signed = {key: part for key, part in value.items() if key not in UNSIGNED}
    text = json.dumps(signed, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode()


def is_signed(value: Mapping[str, Any], user_id: str, public: str) -> bool:
    """Whether the object carries a good signature of the user's key `public`."""
    signatures = value.get("signatures", {}).get(user_id, {})
    signature = signatures.get(f"ed25519:{public}")
    return isinstance(signature, str) and verify(value, public, signature)


def verify(value: Mapping[str, Any], public: str, signature: str) -> bool:
    """Whether a signature of the object is good."""
    verifier = cast("Any", eddsa)
    try:
        key: ECC.EccKey = verifier.import_public_key(decode_base64(public))
        verifier.new(key, "rfc8032").verify(canonical(value), decode_base64(signature))
    except ValueError:
        return False
    return True
