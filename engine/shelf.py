"""What is kept of conversations outside the cache: parked states, and beginnings that many share.
PURE: the library's bytes are opaque here.

There are more conversations than sequences. One that loses its sequence is parked: the state of
its tokens is copied out, and copied in again when its next message comes, which takes milliseconds
where computing it anew takes seconds. The system prompt that every conversation begins with is kept
the same way, with nobody's name on it, so that a new conversation begins behind it.
"""

from collections import OrderedDict
from dataclasses import dataclass

from engine.prefix import common_prefix

SHARED = ""
"""The session of a state that belongs to nobody."""


@dataclass(frozen=True, slots=True)
class Parked:
    """The state of a sequence that held `tokens`, as the library gave it."""

    session: str
    tokens: tuple[int, ...]
    state: bytes

    @property
    def size_bytes(self) -> int:
        """What it takes: the state, and 8 bytes a token for the list of them."""
        return len(self.state) + 8 * len(self.tokens)


class Shelf:
    """States under a budget of bytes; the longest unused make room."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._kept: OrderedDict[tuple[str, tuple[int, ...]], Parked] = OrderedDict()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def takes_any(self) -> bool:
        """Whether there is a budget at all."""
        return self._budget_bytes > 0

    def put(self, parked: Parked) -> None:
        """Keep a state, in the place of the session's former one; not if it is over the budget."""
        if parked.session != SHARED:
            self.forget(parked.session)
        self._drop((parked.session, parked.tokens))
        if parked.size_bytes > self._budget_bytes:
            return
        self._kept[parked.session, parked.tokens] = parked
        self.size_bytes += parked.size_bytes
        while self.size_bytes > self._budget_bytes:
            self._drop(next(iter(self._kept)))

    def own(self, session: str) -> Parked | None:
        """The session's own state."""
        return next((each for key, each in self._kept.items() if key[0] == session), None)

    def best(self, session: str, prompt: list[int]) -> Parked | None:
        """The state with the most of the prompt's beginning: the session's own, or a shared one."""
        useful = [each for each in self._kept.values() if each.session in (session, SHARED)]
        best = max(useful, key=lambda each: common_prefix(each.tokens, prompt), default=None)
        if best is None or not common_prefix(best.tokens, prompt):
            return None
        self._kept.move_to_end((best.session, best.tokens))
        return best

    def has_shared(self, tokens: tuple[int, ...]) -> bool:
        """Whether exactly this beginning is kept."""
        return (SHARED, tokens) in self._kept

    def forget(self, session: str) -> None:
        """Drop what is kept of a session."""
        for key in [key for key in self._kept if key[0] == session]:
            self._drop(key)

    def _drop(self, key: tuple[str, tuple[int, ...]]) -> None:
        parked = self._kept.pop(key, None)
        if parked is not None:
            self.size_bytes -= parked.size_bytes
