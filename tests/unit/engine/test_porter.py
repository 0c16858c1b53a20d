"""States go to files and back beside whoever asks; what a disk does not take is told of once."""

import os
import resource
import threading
import time
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.carrier import Carried, Fetched, Stored
from engine.porter import Disk, Porter

WAIT_S = 60.0
STATE = bytes(range(256)) * 10_000


class Trip:
    """A porter, what it was told to tell, and a wait for what it does."""

    def __init__(self, directory: Path) -> None:
        self.notices: list[tuple[str, str]] = []
        self._woken = threading.Semaphore(0)
        self.porter = Porter(Disk(directory, 1 << 30, "sha", 0), self._woken.release, self.note)

    def note(self, event: str, cause: str) -> None:
        self.notices.append((event, cause))

    def next(self) -> Carried:
        """What is done next."""
        assert self._woken.acquire(timeout=WAIT_S)
        (carried,) = self.porter.done()
        return carried

    def stored(self, number: int, session: str = "ann") -> bool:
        self.porter.store(number, session, STATE)
        carried = self.next()
        assert isinstance(carried, Stored)
        return carried.is_whole

    def fetched(self, number: int, session: str = "ann") -> bytes | None:
        self.porter.fetch(number, session)
        carried = self.next()
        assert isinstance(carried, Fetched)
        return None if carried.state is None else bytes(carried.state)


@pytest.fixture
def trip(tmp_path: Path) -> Trip:
    return Trip(tmp_path)


@contextmanager
def small_files() -> Generator[None]:
    """A disk that takes no more than a part of a state: the limit of a file's size, for this
    process; it ignores the signal that comes with it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(STATE) // 2, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_there_and_back(trip: Trip):
    assert trip.stored(1)
    assert trip.stored(2)
    assert trip.fetched(1) == STATE
    assert trip.fetched(2) == STATE
    assert trip.notices == []


def test_a_file_is_read_for_its_own_session_only(trip: Trip):
    assert trip.stored(1, "ann")
    assert trip.fetched(1, "bob") is None
    assert [event for event, _ in trip.notices] == ["a spilled conversation is refused"]


def test_what_is_dropped_before_it_is_written_is_not_kept(tmp_path: Path):
    held, woken = threading.Event(), threading.Semaphore(0)

    def wake() -> None:
        woken.release()
        held.wait(WAIT_S)  # so that the next state is dropped before its turn comes

    porter = Porter(Disk(tmp_path, 1 << 30, "sha", 0), wake, Trip(tmp_path).note)
    porter.store(1, "ann", STATE)
    assert woken.acquire(timeout=WAIT_S)
    porter.store(2, "bob", STATE)
    porter.drop([1, 2])
    held.set()
    assert woken.acquire(timeout=WAIT_S)
    assert porter.done() == [Stored(is_whole=True), Stored(is_whole=False)]


def test_a_full_disk_and_a_missing_directory_are_told_of_once_a_cause(tmp_path: Path):
    directory = tmp_path / "spill"
    directory.mkdir()
    trip = Trip(directory)
    with small_files():
        assert [trip.stored(number) for number in range(2)] == [False, False]
    directory.rmdir()
    assert [trip.stored(number) for number in range(2, 4)] == [False, False]
    assert trip.notices == [
        ("conversations cannot be spilled", "File too large"),
        ("conversations cannot be spilled", "No such file or directory"),
    ]


def test_after_the_trouble_it_goes_on(tmp_path: Path):
    directory = tmp_path / "spill"
    trip = Trip(directory)
    assert not trip.stored(1)
    directory.mkdir()
    assert trip.stored(2)
    assert trip.fetched(2) == STATE


def test_leaving_it_closes_what_lies_there(tmp_path: Path):
    trip = Trip(tmp_path)
    with trip.porter:
        assert trip.stored(1)
        assert files_of(tmp_path) == 1
    assert files_of(tmp_path) == 0


def files_of(directory: Path) -> int:
    """How many files this process has there."""
    held = (os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if is_open(fd))
    return sum(target.startswith(f"{directory}/") for target in held)


def is_open(descriptor: str) -> bool:
    """Whether it is still; that of the listing itself is not."""
    return os.path.lexists(f"/proc/self/fd/{descriptor}")


def test_a_disk_keeps_room_for_others(tmp_path: Path):
    woken, notices = threading.Semaphore(0), list[tuple[str, str]]()

    def note(event: str, cause: str) -> None:
        notices.append((event, cause))

    disk = Disk(tmp_path, 1 << 30, "sha", kept_free_bytes=1 << 60)
    with Porter(disk, woken.release, note) as porter:
        porter.store(1, "ann", STATE)
        assert woken.acquire(timeout=WAIT_S)
        assert porter.done() == [Stored(is_whole=False)]
    assert notices == [("conversations cannot be spilled", "No space left on device")]


def test_a_state_is_let_go_once_it_is_stored(trip: Trip):
    class Kept(bytearray):
        """Bytes that can be watched."""

    state = Kept(STATE)
    watched = weakref.ref(state)
    with trip.porter:
        trip.porter.store(1, "ann", state)
        del state
        assert trip.next() == Stored(is_whole=True)
        until = time.monotonic() + WAIT_S
        while watched() is not None and time.monotonic() < until:
            time.sleep(0.01)  # the thread is told of nothing that would make it let go
        assert watched() is None
