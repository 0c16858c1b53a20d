"""What is kept of conversations outside the cache: parked states, and beginnings that many share.
PURE: the library's bytes are opaque here.

There are more conversations than sequences. One that loses its sequence is parked: the state of
its tokens is copied out, and copied in again when its next message comes, which takes milliseconds
where computing it anew takes seconds. The system prompt that every conversation begins with is kept
the same way, with nobody's name on it, so that a new conversation begins behind it. Who may begin
with whose tokens is `owner`'s; what goes to a file for want of room, and comes back, is `cellar`'s.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from engine.owner import Owner
from engine.state import State

SHARED = ""
"""The session of a state that belongs to nobody."""


@dataclass(frozen=True, slots=True)
class Parked:
    """The state of a sequence that held `tokens`, as the library gave it."""

    owner: Owner
    tokens: tuple[int, ...]
    state: State

    @property
    def session(self) -> str:
        return self.owner.session

    @property
    def size_bytes(self) -> int:
        """What it takes: the state, and 8 bytes a token for the list of them."""
        return len(self.state) + 8 * len(self.tokens)

    def lends(self, to: Owner, prompt: Sequence[int]) -> int:
        """How many of the tokens may begin the prompt of `to`."""
        return self.owner.lends(to, self.tokens, prompt)


class Shelf:
    """States under a budget of bytes; the longest unused make room."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._kept: OrderedDict[tuple[str, tuple[int, ...]], Parked] = OrderedDict()
        self._lent_bytes = 0
        self.size_bytes = 0
        """Of the states, and of the room that is lent."""

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def takes_any(self) -> bool:
        """Whether there is a budget at all."""
        return self._budget_bytes > 0

    def put(self, parked: Parked) -> None:
        """Keep a state, in the place of the session's former one; not if there is no room."""
        if parked.session != SHARED:
            self.forget(parked.session)
        self._drop((parked.session, parked.tokens))
        if self._make_room(parked.size_bytes):
            self._kept[parked.session, parked.tokens] = parked
            self.size_bytes += parked.size_bytes

    def lend(self, size_bytes: int) -> bool:
        """Give room to a state that is on its way to a file or from one; false if there is none."""
        if not self._make_room(size_bytes):
            return False
        self._lent_bytes += size_bytes
        self.size_bytes += size_bytes
        return True

    def give_back(self, size_bytes: int) -> None:
        """The room that was lent is free again."""
        self._lent_bytes -= size_bytes
        self.size_bytes -= size_bytes

    def surplus(self) -> Parked | None:
        """The longest unused conversation, if room for the next ones is short.

        It is while less is free than a quarter of the budget, or than the largest state takes
        twice: one comes back while another one leaves its sequence for it.
        """
        largest = max((each.size_bytes for each in self._kept.values()), default=0)
        if self.size_bytes + max(self._budget_bytes // 4, 2 * largest) <= self._budget_bytes:
            return None
        return next((each for each in self._kept.values() if each.session != SHARED), None)

    def own(self, session: str) -> Parked | None:
        """The session's own state."""
        return next((each for key, each in self._kept.items() if key[0] == session), None)

    def best(self, to: Owner, prompt: list[int], going: Parked | None = None) -> Parked | None:
        """The state that may give most of the prompt's beginning; `going` is one too, which is on
        its way to a file."""
        useful = [*self._kept.values(), *([going] if going else [])]
        best = max(useful, key=lambda each: each.lends(to, prompt), default=None)
        if best is None or not best.lends(to, prompt):
            return None
        if best is not going:
            self._kept.move_to_end((best.session, best.tokens))
        return best

    def has_shared(self, tokens: tuple[int, ...]) -> bool:
        """Whether exactly this beginning is kept."""
        return (SHARED, tokens) in self._kept

    def forget(self, session: str) -> None:
        """Drop what is kept of a session."""
        for key in [key for key in self._kept if key[0] == session]:
            self._drop(key)

    def _make_room(self, size_bytes: int) -> bool:
        """Drop the longest unused until so much is free; false, and nothing is dropped, where what
        is lent leaves too little."""
        if self._lent_bytes + size_bytes > self._budget_bytes:
            return False
        while self.size_bytes + size_bytes > self._budget_bytes:
            self._drop(next(iter(self._kept)))
        return True

    def _drop(self, key: tuple[str, tuple[int, ...]]) -> None:
        parked = self._kept.pop(key, None)
        if parked is not None:
            self.size_bytes -= parked.size_bytes
