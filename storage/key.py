"""PURE. The keys that databases are encrypted with.

A `Key` is 32 random bytes, which SQLCipher takes as they are (its "raw key"). A `Keyring` has the
one that is in force and those before it, which still open older copies.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass, field

HEX_DIGITS = 64
"""Of a key in writing: 32 bytes."""

_WRITTEN = re.compile(f"[0-9a-fA-F]{{{HEX_DIGITS}}}")


class BadKey(ValueError):
    """A text is no key; the error says why and never what it holds."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key; `digits` are its hexadecimal digits, and no `repr` shows them."""

    digits: str = field(repr=False)

    def __post_init__(self) -> None:
        """Raises `BadKey`."""
        if not _WRITTEN.fullmatch(self.digits):
            raise BadKey(
                f"a key is {HEX_DIGITS} hexadecimal digits, this has {len(self.digits)} characters;"
                " `openssl rand -hex 32` makes one"
            )

    @property
    def literal(self) -> str:
        """As SQLCipher takes a raw key: zetetic.net/sqlcipher/sqlcipher-api, "PRAGMA key"."""
        return f"x'{self.digits}'"

    @property
    def mark(self) -> str:
        """Tells keys apart, and tells nothing of the key."""
        digest = hmac.new(bytes.fromhex(self.digits), b"parley key mark", hashlib.sha256)
        return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Keyring:
    """`current` is None where nothing is to be encrypted; `former` are the newest first."""

    current: Key | None = None
    former: tuple[Key, ...] = ()

    @property
    def all(self) -> tuple[Key, ...]:
        """Every key, the likeliest first."""
        return (self.current, *self.former) if self.current else self.former

    def retired(self) -> "Keyring":
        """The same keys for files that are not to be encrypted any more."""
        return Keyring(None, self.all)


def read_keys(written: str) -> Keyring:
    """The keys in a text, one a line, the one in force first; `#` begins a remark.

    Raises `BadKey`, which names the line.
    """
    keys: list[Key] = []
    for number, line in enumerate(written.splitlines(), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            keys.append(Key(text))
        except BadKey as error:
            raise BadKey(f"line {number}: {error}") from None
    if not keys:
        raise BadKey("there is no key in it; `openssl rand -hex 32` makes one")
    return Keyring(keys[0], tuple(keys[1:]))
