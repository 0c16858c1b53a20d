"""How many tokens messages have, remembered without their text."""

import hashlib
import os
from collections import OrderedDict

from engine.base import Message

COUNTS_KEPT = 8192


class Counts:
    """Counts of the latest messages, by a keyed digest: no text is kept."""

    def __init__(self) -> None:
        self._key = os.urandom(16)
        self._counts: OrderedDict[bytes, int] = OrderedDict()

    def get(self, message: Message) -> int | None:
        """The count, if it is known."""
        digest = self._digest(message)
        if digest in self._counts:
            self._counts.move_to_end(digest)
        return self._counts.get(digest)

    def put(self, counts: dict[Message, int]) -> None:
        """Keep counts; the longest unused make room."""
        for message, count in counts.items():
            self._counts[self._digest(message)] = count
        while len(self._counts) > COUNTS_KEPT:
            self._counts.popitem(last=False)

    def _digest(self, message: Message) -> bytes:
        text = f"{message.role}\n{message.content}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=16, key=self._key).digest()
