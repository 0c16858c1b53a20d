"""One-time codes that let somebody in: made at the machine, good for minutes, one at a time.

Only digests are kept on disk. Wrong codes are counted in the audit, so that a restart gives nobody
new guesses.
"""

import asyncio
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from bot.access import Role
from bot.change import Change
from storage.clock import Clock
from storage.records import AuditEntry
from storage.roster import RosterStore

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Letters and digits that nobody mistakes for others; eight of them are 39.6 bits, ten 49.5."""
CODE_CHARS = 10
WRONG_CODES = 5
"""Wrong codes that a person may try in an hour."""
COUNTED = timedelta(hours=1)


class TooManyCodes(Exception):
    """Somebody tried too many wrong codes."""


@dataclass(slots=True)
class Codes:
    """The codes of one bot. Hold `turn` from reading a code to the commit that takes it."""

    store: RosterStore
    now: Clock
    good_for: timedelta
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def make(self, role: Role, actor: str) -> str:
        """A new code for one person."""
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_CHARS))
        name = role.name.lower()
        entry = AuditEntry(actor, "user code", "", json.dumps({"role": name}))
        await self.store.add_code(digest(code), name, self.now() + self.good_for, entry)
        return f"{code[:5]}-{code[5:]}"

    async def read(self, person: str, code: str) -> str | None:
        """The name of the role that a code gives; None: it is wrong. Raises `TooManyCodes`."""
        if await self.store.wrong_codes(person, self.now() - COUNTED) >= WRONG_CODES:
            raise TooManyCodes
        return await self.store.role_of_code(digest(code))

    def refused(self, person: str, origin: str) -> Change:
        """Count a wrong code, with the reply that tells of it."""
        return Change((self.store.refusing(person, origin),))


def digest(code: str) -> str:
    """What is kept of a code, however its letters were written."""
    plain = code.upper().replace("-", "").replace(" ", "")
    return hashlib.sha256(plain.encode()).hexdigest()
