"""PURE. Recovery keys as people write them (Secure Server-Side Encryption, "Key representation").

Base58 in Bitcoin's alphabet of 0x8B 0x01, the key, and one byte that makes the XOR of all zero.
"""

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
HEADER = bytes((0x8B, 0x01))
KEY_BYTES = 32
GROUP_CHARS = 4


def to_recovery_key(key: bytes) -> str:
    """A key in groups of four characters."""
    body = HEADER + key
    text = _encode(body + bytes([_parity(body)]))
    return " ".join(text[i : i + GROUP_CHARS] for i in range(0, len(text), GROUP_CHARS))


def from_recovery_key(text: str) -> bytes:
    """The key. Raises `ValueError` when a character is wrong or missing."""
    raw = _decode("".join(text.split()))
    if len(raw) != len(HEADER) + KEY_BYTES + 1 or raw[:2] != HEADER or _parity(raw):
        raise ValueError("not a recovery key")
    return raw[2:-1]


def _parity(raw: bytes) -> int:
    parity = 0
    for byte in raw:
        parity ^= byte
    return parity


def _encode(raw: bytes) -> str:
    number, digits = int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = ALPHABET[digit] + digits
    zeros = len(raw) - len(raw.lstrip(b"\0"))
    return ALPHABET[0] * zeros + digits


def _decode(text: str) -> bytes:
    number = 0
    for char in text:
        digit = ALPHABET.find(char)
        if digit < 0:
            raise ValueError("not a recovery key")
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip(ALPHABET[0]))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
