"""The NAS loses its power, again and again, under writes: what was acknowledged is there."""

import itertools
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.depot import Depot
from tests.faults.nas_writers import WAYS, found, group
from tests.rigs.nas import Nas, mounted

LONG = bool(os.environ.get("PARLEY_LONG_FAULTS"))
CUTS = 60 if LONG else 3
KILL_EVERY = 12
MOST, FEW = 30, 10
LIE_EVERY = 3
PATIENCE_S = 60.0
SHARES = (0.0, 0.3, 0.7, 1.0)


class Writing:
    """The process that writes, and what it said was acknowledged, by name."""

    def __init__(self, *arguments: object) -> None:
        self._arguments = [str(each) for each in arguments]
        self._starts = itertools.count(0, 1_000_000)
        self._heard = threading.Condition()
        self._counts: Counter[str] = Counter()
        self._acknowledged: dict[str, set[str]] = {}

    @contextmanager
    def running(self) -> Generator[None]:
        """Started, and killed at the end."""
        program = [sys.executable, "-m", "tests.faults.nas_writers", *self._arguments]
        with subprocess.Popen(
            [*program, str(next(self._starts))], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            hearing = threading.Thread(target=self._hear, args=(process.stdout,))
            hearing.start()
            try:
                yield
            finally:
                process.kill()
                hearing.join()

    def go_on(self, groups: dict[str, int]) -> None:
        """Wait until so many more groups of each name are acknowledged."""
        with self._heard:
            aim = {name: self._counts[name] + count for name, count in groups.items()}
            assert self._heard.wait_for(
                lambda: all(self._counts[name] >= count for name, count in aim.items()), PATIENCE_S
            )

    def acknowledged(self) -> dict[str, set[str]]:
        """The events by name, as far as was heard."""
        with self._heard:
            return {name: set(events) for name, events in self._acknowledged.items()}

    def _hear(self, lines: Iterable[str]) -> None:
        for line in lines:
            match line.split():
                case ["acknowledged", name, number] if line.endswith("\n"):
                    with self._heard:
                        self._counts[name] += 1
                        events = group(name, int(number))
                        self._acknowledged.setdefault(name, set()).update(events)
                        self._heard.notify_all()
                case _:  # refused, or a log's line
                    pass


@pytest.fixture
def nas(tmp_path: Path) -> Iterator[Nas]:
    with mounted(tmp_path / "nas") as nas:
        yield nas


@pytest.mark.timeout(600)
def test_a_database_on_the_mount_keeps_what_it_acknowledged(tmp_path: Path, nas: Nas) -> None:
    chance, trial = random.Random(20260707), 0
    writing = Writing("direct", nas.mount)
    while trial < CUTS:
        with writing.running():
            for _ in range(min(KILL_EVERY, CUTS - trial)):
                writing.go_on({name: chance.randrange(1, MOST) for name in WAYS})
                acknowledged = writing.acknowledged()
                nas.cut_power(trial, chance.choice(SHARES))
                _assert_kept(acknowledged, nas.save(tmp_path / "left"))
                trial += 1
    _assert_kept(writing.acknowledged(), nas.save(tmp_path / "left"))


def _assert_kept(acknowledged: dict[str, set[str]], left: Path) -> None:
    assert acknowledged.keys() == WAYS.keys()
    for name, events in acknowledged.items():
        assert found(left / name / "a.db") >= events


@pytest.mark.timeout(1500)
def test_what_a_nas_lost_is_copied_there_again(tmp_path: Path, nas: Nas) -> None:
    chance, trial, left = random.Random(20260808), 0, tmp_path / "left"
    writing = Writing("local-first", tmp_path / "working.db", nas.mount / "parley" / "a.db")
    kept: set[str] = set()
    while trial < CUTS:
        with writing.running():
            for _ in range(min(KILL_EVERY, CUTS - trial)):
                if is_liar := trial % LIE_EVERY == 1:
                    nas.lie()
                writing.go_on({"spool": chance.randrange(1, FEW)})
                _wait_for(lambda kept=kept: _copied(nas.save(left)) > kept)
                nas.cut_power(trial, 0.0 if is_liar else chance.choice(SHARES))
                nas.mend()
                before, kept = kept, _copied(nas.save(left))
                assert kept >= before
                trial += 1
    with writing.running():
        writing.go_on({"spool": 1})
        acknowledged = writing.acknowledged()["spool"]
        _wait_for(lambda: _copied(nas.save(left)) >= acknowledged)


def _copied(left: Path) -> set[str]:
    """The events on the NAS; none before it has tables."""
    path = left / "parley" / "a.db"
    return found(path) if path.exists() and path.stat().st_size else set()


def _wait_for(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def test_what_was_removed_stays_away(tmp_path: Path, nas: Nas) -> None:
    """Nobody counts on it before: the receipt of an erasure is closed by then."""
    source, target = tmp_path / "source", nas.mount / "former.db"
    source.write_bytes(b"what was said")
    depot = Depot()
    await depot.put(source, target)
    assert [each.name for each in nas.save(tmp_path / "before").iterdir()] == ["former.db"]
    await depot.remove([target])
    nas.cut_power(1, 0.0)
    assert list(nas.save(tmp_path / "after").iterdir()) == []
