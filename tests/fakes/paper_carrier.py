"""A carrier whose files are in a dictionary, and which carries only when it is told to."""

from collections.abc import Sequence

from engine.carrier import Carried, Fetched, Stored
from engine.state import State


class PaperCarrier:
    """A `Carrier`; `carry` does what was begun, and `fails` lets it go wrong."""

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self.files: dict[int, bytes] = {}
        self.storing: tuple[int, bytes] | None = None
        self.fetching: int | None = None
        self.fails = False
        self._done: list[Carried] = []
        self._unwanted: set[int] = set()

    @property
    def pending(self) -> bool:
        """Whether something was begun and is not done."""
        return self.storing is not None or self.fetching is not None

    def store(self, number: int, session: str, state: State) -> None:
        assert self.storing is None
        assert number not in self.files
        self.storing = number, bytes(state)

    def fetch(self, number: int, session: str) -> None:
        assert self.fetching is None
        assert number in self.files
        self.fetching = number

    def drop(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            if number == self.fetching or (self.storing and number == self.storing[0]):
                self._unwanted.add(number)
            else:
                self.files.pop(number, None)

    def done(self) -> list[Carried]:
        done, self._done = self._done, []
        return done

    def carry(self) -> None:
        """Bring to its end what is on its way."""
        if self.storing:
            number, state = self.storing
            is_whole = not self.fails and number not in self._unwanted
            self.storing = None
            if is_whole:
                self.files[number] = state
            self._done.append(Stored(is_whole))
        if self.fetching is not None:
            state = bytearray(self.files.pop(self.fetching))
            is_lost = self.fails or self.fetching in self._unwanted
            self.fetching = None
            self._done.append(Fetched(None if is_lost else state))
