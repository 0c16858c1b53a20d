"""Carries states to sealed files and back, beside the steps: a thread for either way.

File I/O and the cipher let other threads run meanwhile. Writing stands back behind computing, for
nobody waits for it; reading does not, for somebody does. What fails is told once a cause; the state
is lost then, and its conversation is computed anew.
"""

import errno
import os
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.carrier import Carried, Fetched, Stored
from engine.sealed import Abandoned, Broken, Sealed
from engine.state import State

WRITER_NICE = 10
"""nice(2) of the thread that writes."""
CLOSE_S = 5.0
KEPT_FREE_BYTES = 1 << 30
"""What a disk keeps free for those who need it more."""

Errand = Callable[[], None]
Notice = Callable[[str, str], None]
"""Told of an event and its cause, once a cause."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A directory that is this user's alone on a disk of this machine, which whoever names it has
    seen to, and how much of it may be taken; `model` is whose states these are."""

    directory: Path
    budget_bytes: int
    model: str
    kept_free_bytes: int = KEPT_FREE_BYTES


class Porter:
    """A `carrier.Carrier`. `wake` is called, from another thread, when something is done.

    Leaving its context drops all files. A worker has it until it ends, and then the kernel does.
    """

    def __init__(self, disk: Disk, wake: Callable[[], None], notice: Notice) -> None:
        self._disk = disk
        self._wake = wake
        self._notice = notice
        self._told: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._resting: dict[int, Sealed] = {}
        self._moving: set[int] = set()
        self._done: queue.SimpleQueue[Carried] = queue.SimpleQueue()
        self._down = _Hand("spill-down", WRITER_NICE)
        self._up = _Hand("spill-up", 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.drop([*self._moving, *self._resting])
        self._up.close()
        self._down.close()

    @property
    def budget_bytes(self) -> int:
        """See `Carrier`."""
        return self._disk.budget_bytes

    def store(self, number: int, session: str, state: State) -> None:
        """See `Carrier`."""
        self._moving.add(number)
        self._down.put(lambda: self._end(Stored(self._write(number, session, state))))

    def fetch(self, number: int, session: str) -> None:
        """See `Carrier`."""
        self._moving.add(number)
        sealed = self._resting.pop(number)
        self._up.put(lambda: self._end(Fetched(self._read(number, session, sealed))))

    def drop(self, numbers: Sequence[int]) -> None:
        """See `Carrier`. The key goes at once, and with it all that could be read."""
        for number in numbers:
            with self._lock:
                self._moving.discard(number)
                sealed = self._resting.pop(number, None)
            if sealed:
                sealed.erase()
                self._down.put(sealed.close)  # to free what was large takes the disk its time

    def done(self) -> list[Carried]:
        """See `Carrier`."""
        carried: list[Carried] = []
        while not self._done.empty():  # nobody else takes from it
            carried.append(self._done.get())
        return carried

    def _end(self, carried: Carried) -> None:
        self._done.put(carried)
        self._wake()

    def _write(self, number: int, session: str, state: State) -> bool:
        """Whether the state lies in its file, which is kept then."""
        try:
            self._assert_free(len(state))
            sealed = Sealed(self._disk.directory)
        except OSError as fault:
            return self._lose("conversations cannot be spilled", fault)
        try:
            sealed.write(state, self._label(number, session), self._is_wanted(number))
        except (OSError, MemoryError) as fault:
            sealed.close()
            return self._lose("conversations cannot be spilled", fault)
        except Abandoned:
            sealed.close()
            return False
        with self._lock:
            if number in self._moving:
                self._moving.discard(number)
                self._resting[number] = sealed
                return True
        sealed.close()
        return False

    def _read(self, number: int, session: str, sealed: Sealed) -> State | None:
        """The state, unless it is refused or no longer wanted; its file is gone."""
        try:
            return sealed.read(self._label(number, session), self._is_wanted(number))
        except (OSError, MemoryError, Broken) as fault:
            self._lose("a spilled conversation is refused", fault)
        except Abandoned:
            pass
        finally:
            self._moving.discard(number)
            sealed.close()
        return None

    def _assert_free(self, size_bytes: int) -> None:
        free = os.statvfs(self._disk.directory)
        if free.f_bavail * free.f_frsize < size_bytes + self._disk.kept_free_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _label(self, number: int, session: str) -> bytes:
        return f"{self._disk.model}\n{number}\n{session}".encode("utf-8", "surrogatepass")

    def _is_wanted(self, number: int) -> Callable[[], bool]:
        return lambda: number in self._moving

    def _lose(self, event: str, fault: OSError | MemoryError | Broken) -> bool:
        told = fault.strerror if isinstance(fault, OSError) else str(fault)
        cause = told or type(fault).__name__
        if (event, cause) not in self._told:
            self._told.add((event, cause))
            self._notice(event, cause)
        return False


class _Hand:
    """A thread that runs one errand after the other."""

    def __init__(self, name: str, nice: int) -> None:
        self._nice = nice
        self._errands: queue.SimpleQueue[Errand | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def put(self, errand: Errand) -> None:
        """Do this after what was put before."""
        self._errands.put(errand)

    def close(self) -> None:
        """End after what was put before; a disk that hangs is not waited for."""
        self._errands.put(None)
        self._thread.join(CLOSE_S)

    def _work(self) -> None:
        _stand_back(self._nice)
        while errand := self._errands.get():
            errand()
            del errand  # it holds a conversation


def _stand_back(nice: int) -> None:
    """Give this thread alone, as Linux counts it, at least this niceness."""
    thread = threading.get_native_id()
    if nice > os.getpriority(os.PRIO_PROCESS, thread):
        os.setpriority(os.PRIO_PROCESS, thread, nice)
