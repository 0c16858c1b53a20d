"""The applier: a process that owns the file on the NAS, and may be killed when its mount hangs.

`python -m storage.applier` reads one JSON line that names the files and their key, which so stands
in no list of processes and no environment; then one for each thing to do. It writes
`{"progress": n}` as it goes and one line with the outcome. It ends with its input.
What is to be done when, and what a fault means for the bot, is `spool.py`'s business.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from storage import changes, replica
from storage.changes import Point
from storage.connection import Connector, discard
from storage.directory import make_directory
from storage.faults import DriverError, doubting, explain, full, may_hide_full
from storage.filesystem import admit
from storage.key import Key
from storage.lineage import Other, Plan, Working, plan
from storage.ownership import Ownership
from storage.pragmas import LOCAL, NETWORK
from storage.probe import is_full_here, measure_here
from storage.records import StorageError, Unavailable
from storage.replica import Replica
from storage.schema import prepare


class Applier:
    """Both files, opened when there is something to do and let go of after a fault.

    `admit` judges where the other file is, each time before it is opened.
    """

    def __init__(
        self,
        working: Path,
        other: Path,
        key: Key | None = None,
        admit: Callable[[Path], object] | None = None,
    ) -> None:
        self._working = working
        self._other = other
        self._key = key
        self._admit = admit
        self._held = ExitStack()
        self._connection: Connection | None = None
        self._replica: Replica | None = None
        self._inode = 0

    def answer(self, request: Mapping[str, Any]) -> dict[str, object]:
        """Do what is asked; the outcome, or the fault."""
        try:
            return doubting(partial(self._attempt, request))
        except DriverError as error:
            hidden = may_hide_full(error) and is_full_here(self._other)
            fault: StorageError = full(self._other) if hidden else explain(error, self._other)
        except StorageError as error:
            fault = error
        except OSError as error:
            fault = Unavailable(f"{self._other}: it can't be reached ({error.strerror})")
        return {"fault": type(fault).__name__, "text": str(fault)}

    def _attempt(self, request: Mapping[str, Any]) -> dict[str, object]:
        try:
            return self._do(request)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of both files; what was not committed is as if it had not been."""
        self._held.close()
        self._connection = self._replica = None

    def _do(self, request: Mapping[str, Any]) -> dict[str, object]:
        if self._connection is not None and _inode(self._other) != self._inode:
            self.close()  # another file in its place: what would go into the old one is lost
        if self._admit and self._connection is None:
            self._admit(self._other)
            _report(0)
        match request["do"]:
            case "meet":
                return {"plan": self._meet()}
            case "build":
                replica.build(self._opened(), self._working, self._open_local, _report)
                self.close()
                return {}
            case "make":
                self._opened()
                return {}
            case "fill":
                self._follow().adopt(Point(*request["point"]))
                return {}
            case _:
                return self._apply()

    def _apply(self) -> dict[str, object]:
        if self._replica is None:
            found = self._meet()
            if found is not Plan.FOLLOW:
                return {"plan": found}
        point, rows = self._follow().catch_up(_report)
        return {"point": [point.seq, point.mark], "rows": rows}

    def _meet(self) -> Plan:
        if not self._working.exists():
            make_directory(self._other.parent)
        if self._connection is None and not self._other.exists():
            there = Other(exists=False, is_empty=True, point=None)
            return plan(self._look_here(None), there)
        connection = self._opened()
        there = _look(connection)
        return plan(self._look_here(there.point), there)

    def _look_here(self, point: Point | None) -> Working | None:
        """The working file; None when it is not there or was never tied to another file."""
        if not self._working.exists():
            return None
        connection = self._open_local(self._working, read_only=True)
        try:
            return _working(connection, point)
        finally:
            discard(connection)

    def _follow(self) -> Replica:
        if self._replica is None:
            working = self._open_local(self._working, read_only=True)
            self._held.callback(discard, working)
            self._replica = Replica(working, self._opened(), self._other)
        return self._replica

    def _opened(self) -> Connection:
        if self._connection is None:
            self._held.enter_context(Ownership(self._other))
            self._other.touch(0o600)
            self._inode = _inode(self._other)
            self._connection = Connector(self._other, NETWORK, self._key).open()
            self._held.callback(discard, self._connection)
            _report(0)
            prepare(self._connection, self._other)
            _report(0)
        return self._connection

    def _open_local(self, path: Path, *, read_only: bool = False) -> Connection:
        return Connector(path, LOCAL, self._key).open(read_only=read_only)


def _inode(path: Path) -> int:
    """Of the file that stands there now.

    Opening its directory makes an NFS client ask the server (nfs(5), "Close-to-open cache
    consistency"); opening the file itself would, once closed, drop SQLite's locks on it (fcntl(2)).
    """
    os.close(os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    return path.stat().st_ino


def _look(connection: Connection) -> Other:
    point = changes.replica_point(connection)
    is_empty = point is None and all(
        connection.exec_driver_sql(f'SELECT 1 FROM "{table.name}" LIMIT 1').first() is None  # noqa: S608 - names of ours
        for table in changes.tables(connection)
    )
    connection.rollback()
    return Other(exists=True, is_empty=is_empty, point=point)


def _working(connection: Connection, point: Point | None) -> Working | None:
    if not connection.exec_driver_sql("SELECT 1 FROM sqlite_master").first():
        return None
    copied, last = changes.replica_point(connection), changes.last(connection)
    if copied is None or last is None:
        return None
    holds = point is not None and changes.holds(connection, point)
    return Working(copied, last, holds)


def _report(done: int) -> None:
    _say({"progress": done})


def _say(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until the input ends."""
    files = json.loads(sys.stdin.readline())
    key = Key(files["key"]) if files["key"] else None
    words: str | None = files["accept_risk"]
    admission = (
        None if words is None else partial(admit, accepted=words, on_nas=True, measure=measure_here)
    )
    applier = Applier(Path(files["working"]), Path(files["other"]), key, admission)
    _report(0)
    for line in sys.stdin:
        _say(applier.answer(json.loads(line)))
    applier.close()


if __name__ == "__main__":
    with suppress(BrokenPipeError, KeyboardInterrupt):  # nobody is there any more to be told
        main()
