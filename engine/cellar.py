"""Which conversations lie in files, which one goes there next, and which one is on its way back.
PURE: files are numbers here.

A state goes down when the shelf runs short of room, one at a time, and until its file is whole it
is served from memory. It comes back for its session's next message. Room for what is on its way is
lent by the shelf, so memory and files stay under their budgets at every moment.
"""

from collections import OrderedDict
from dataclasses import dataclass

from engine.owner import Owner
from engine.shelf import Parked, Shelf
from engine.state import State

MOST_FILES = 512
"""Each takes a descriptor, of which a process has 1,024 where nobody raised the limit."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A state in the file `number`; its tokens stay in memory. Counted as it is there."""

    number: int
    owner: Owner
    tokens: tuple[int, ...]
    size_bytes: int

    @property
    def session(self) -> str:
        return self.owner.session


@dataclass(frozen=True, slots=True)
class Sending:
    """A state to be written, once the files in `gone` are dropped."""

    filed: Filed
    parked: Parked
    gone: tuple[int, ...]


class Cellar:
    """The files of one shelf under a budget of bytes; the longest unused make room."""

    def __init__(self, shelf: Shelf, budget_bytes: int) -> None:
        self._shelf = shelf
        self._budget_bytes = budget_bytes
        self._filed: OrderedDict[str, Filed] = OrderedDict()
        self._going: Sending | None = None
        self._coming: Filed | None = None
        self._unwanted: set[int] = set()
        """Of the two, what was forgotten on the way."""
        self._last = 0
        self.size_bytes = 0
        """Of all files, those on their way among them."""

    def __len__(self) -> int:
        return len(self._filed)

    def keep(self, parked: Parked) -> list[int]:
        """Put a state on the shelf, in the place of the session's former one; see `forget`."""
        dropped = self.forget(parked.session)
        self._shelf.put(parked)
        return dropped

    def send(self) -> Sending | None:
        """The state that goes down now; None while one does, or when the shelf has room."""
        if self._budget_bytes == 0 or self._going:
            return None
        while parked := self._shelf.surplus():
            if parked.size_bytes > self._budget_bytes:
                self._shelf.forget(parked.session)
                continue
            return self._send(parked)
        return None

    def sent(self, *, is_whole: bool) -> bool:
        """The state that went down is written, or is not; returns whether it is lost, and not only
        unwanted meanwhile."""
        going = self._going
        assert going is not None
        self._going = None
        filed = going.filed
        self._shelf.give_back(filed.size_bytes)
        is_wanted = filed.number not in self._unwanted
        self._unwanted.discard(filed.number)
        if is_whole and is_wanted:
            self._filed[filed.session] = filed
        else:
            self.size_bytes -= filed.size_bytes
        return is_wanted and not is_whole

    def call(self, session: str) -> int | None:
        """The file to read for a session; None if there is none, or one is being read, or there is
        no room for it now."""
        filed = self._filed.get(session)
        if filed is None or self._coming or not self._shelf.lend(filed.size_bytes):
            return None
        self._coming = self._filed.pop(session)
        return filed.number

    def came(self, state: State | None) -> bool:
        """What was called is read, and its file gone; without a `state` it could not be had.

        It is put on the shelf; true unless it is lost.
        """
        coming = self._coming
        assert coming is not None
        self._coming = None
        self.size_bytes -= coming.size_bytes
        self._shelf.give_back(coming.size_bytes)
        if coming.number in self._unwanted:
            self._unwanted.discard(coming.number)
            return True
        if state is not None:
            self._shelf.put(Parked(coming.owner, coming.tokens, state))
        return state is not None

    def going(self, session: str) -> Parked | None:
        """The session's state, if it is just being written."""
        going = self._going
        if going is None or going.filed.session != session or self._is_unwanted(going.filed):
            return None
        return going.parked

    @property
    def moving(self) -> int:
        """How many states are on their way."""
        return (self._going is not None) + (self._coming is not None)

    @property
    def is_blocked(self) -> bool:
        """Whether a state is still being read that nobody waits for any more: the disk is slow."""
        return self._coming is not None and self._is_unwanted(self._coming)

    def filed(self, session: str) -> Filed | None:
        """The session's file, be it just being read."""
        coming = self._coming
        if coming and coming.session == session and not self._is_unwanted(coming):
            return coming
        return self._filed.get(session)

    def forget(self, session: str) -> list[int]:
        """Drop what is kept of a session; the files to drop, or to stop on their way."""
        dropped: list[int] = []
        if filed := self._filed.pop(session, None):
            self.size_bytes -= filed.size_bytes
            dropped.append(filed.number)
        for moving in (self._going.filed if self._going else None, self._coming):
            if moving and moving.session == session:
                self._unwanted.add(moving.number)
                dropped.append(moving.number)
        return dropped

    def _is_unwanted(self, filed: Filed) -> bool:
        return filed.number in self._unwanted

    def _send(self, parked: Parked) -> Sending | None:
        """Only where the state that is being read leaves room for it."""
        coming_bytes = self._coming.size_bytes if self._coming else 0
        if coming_bytes + parked.size_bytes > self._budget_bytes:
            return None  # until that one is there
        gone: list[int] = []
        while self._filed and not self._has_room(parked):
            _, oldest = self._filed.popitem(last=False)
            self.size_bytes -= oldest.size_bytes
            gone.append(oldest.number)
        self._shelf.forget(parked.session)
        self._shelf.lend(parked.size_bytes)
        self._last += 1
        filed = Filed(self._last, parked.owner, parked.tokens, parked.size_bytes)
        self.size_bytes += filed.size_bytes
        self._going = Sending(filed, parked, tuple(gone))
        return self._going

    def _has_room(self, parked: Parked) -> bool:
        fits = self.size_bytes + parked.size_bytes <= self._budget_bytes
        return fits and len(self._filed) < MOST_FILES
