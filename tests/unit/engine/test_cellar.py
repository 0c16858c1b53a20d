"""Who is in memory, who in a file, who is dropped: whatever comes, and however files fail."""

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.cellar import MOST_FILES, Cellar, Sending
from engine.owner import Owner
from engine.shelf import SHARED, Parked, Shelf

SESSIONS = ["a", "b", "c", "d"]
sessions = st.sampled_from(SESSIONS)


def parked(session: str, size_bytes: int, letter: int = 1) -> Parked:
    """A state of one token that takes so much."""
    return Parked(Owner(session, session, 0), (letter,), bytes([letter]) * (size_bytes - 8))


class Moves(RuleBasedStateMachine):
    """A disk is a dictionary here; `latest` is what each session was parked with last."""

    @initialize(budget=st.sampled_from([60, 100, 400]), files=st.sampled_from([0, 60, 150, 900]))
    def start(self, budget: int, files: int) -> None:
        self.budget_bytes, self.file_bytes = budget, files
        self.shelf = Shelf(budget)
        self.cellar = Cellar(self.shelf, files)
        self.latest: dict[str, Parked] = {}
        self.disk: dict[int, bytes] = {}
        self.going: Sending | None = None
        self.coming: int | None = None
        self.letter = 0

    @rule(session=st.sampled_from([SHARED, *SESSIONS]), size_bytes=st.integers(9, 120))
    def keep(self, session: str, size_bytes: int) -> None:
        self.letter = self.letter % 250 + 1
        state = parked(session, size_bytes, self.letter)
        self._drop(self.cellar.keep(state))
        if session != SHARED:
            self.latest[session] = state

    @rule()
    def send(self) -> None:
        sending = self.cellar.send()
        assert sending is None or self.going is None
        if sending:
            self._drop(sending.gone)
            assert sending.filed.number not in self.disk
            self.going = sending

    @precondition(lambda self: self.going)
    @rule(is_whole=st.booleans())
    def sent(self, *, is_whole: bool) -> None:
        assert self.going
        wanted = self.cellar.going(self.going.parked.session)
        if is_whole and wanted:
            self.disk[self.going.filed.number] = bytes(wanted.state)
        is_lost = self.cellar.sent(is_whole=is_whole and wanted is not None)
        assert is_lost == (wanted is not None and not is_whole)
        self.going = None

    @rule(session=sessions)
    def call(self, session: str) -> None:
        number = self.cellar.call(session)
        if number is not None:
            assert self.coming is None
            self.coming = number

    @precondition(lambda self: self.coming is not None)
    @rule(is_read=st.booleans())
    def came(self, *, is_read: bool) -> None:
        assert self.coming is not None
        state = self.disk.pop(self.coming)
        self.coming = None
        wanted = not self.cellar.is_blocked
        kept = self.cellar.came(bytearray(state) if is_read else None)
        assert kept == (is_read or not wanted)

    @rule(session=sessions)
    def forget(self, session: str) -> None:
        self.shelf.forget(session)
        self._drop(self.cellar.forget(session))
        self.latest.pop(session, None)
        assert self._places(session) == []

    def _drop(self, numbers: "list[int] | tuple[int, ...]") -> None:
        for number in numbers:
            if number != self.coming:
                self.disk.pop(number, None)

    def _places(self, session: str) -> list[object]:
        found = [self.shelf.own(session), self.cellar.going(session), self.cellar.filed(session)]
        return [place for place in found if place]

    @invariant()
    def bounds_hold(self) -> None:
        assert self.shelf.size_bytes <= self.budget_bytes
        assert self.cellar.size_bytes <= self.file_bytes
        assert sum(map(len, self.disk.values())) <= self.cellar.size_bytes
        assert len(self.cellar) == len(self.disk.keys() - {self.coming})

    @invariant()
    def nothing_is_in_two_places_and_all_is_as_it_was_put(self) -> None:
        for session in SESSIONS:
            places = self._places(session)
            assert len(places) <= 1
            in_memory = self.shelf.own(session) or self.cellar.going(session)
            assert in_memory is None or in_memory == self.latest[session]
            filed = self.cellar.filed(session)
            if filed:
                latest = self.latest[session]
                assert (filed.tokens, self.disk[filed.number]) == (latest.tokens, latest.state)

    def teardown(self) -> None:
        if self.going:
            self.sent(is_whole=False)
        if self.coming is not None:
            self.came(is_read=True)
        for session in (SHARED, *SESSIONS):
            self.shelf.forget(session)
            self._drop(self.cellar.forget(session))
        assert self.shelf.size_bytes == self.cellar.size_bytes == 0
        assert self.disk == {}


Moves.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestMoves = Moves.TestCase


def test_the_longest_unused_goes_down_before_memory_is_full():
    shelf = Shelf(400)
    cellar = Cellar(shelf, 1_000)
    for session in "ab":
        cellar.keep(parked(session, 100))
        assert cellar.send() is None
    cellar.keep(parked("c", 100))
    first = cellar.send()
    assert first
    assert first.filed.session == "a"
    assert cellar.going("a") == first.parked
    assert cellar.send() is None
    cellar.sent(is_whole=True)
    assert shelf.size_bytes == 200
    assert cellar.going("a") is None
    assert cellar.filed("a") == first.filed


def test_the_longest_unused_file_makes_room():
    cellar = Cellar(Shelf(100), 250)
    gone: list[int] = []
    for session in "abcd":
        cellar.keep(parked(session, 100))
        sending = cellar.send()
        assert sending
        gone += sending.gone
        cellar.sent(is_whole=True)
    assert gone == [1, 2]
    assert [session for session in "abcd" if cellar.filed(session)] == ["c", "d"]


def test_the_shared_beginnings_stay_in_memory():
    cellar = Cellar(Shelf(100), 1_000)
    cellar.keep(parked(SHARED, 90))
    assert cellar.send() is None


def test_there_are_never_more_files_than_descriptors_for_them():
    cellar = Cellar(Shelf(20), 1 << 20)
    for number in range(MOST_FILES + 2):
        cellar.keep(parked(f"session {number}", 20))
        assert cellar.send()
        cellar.sent(is_whole=True)
    assert len(cellar) == MOST_FILES
    assert cellar.filed("session 1") is None
    assert cellar.filed("session 2")
