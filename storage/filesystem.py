"""Which file system a path is on, and whether a database may be there.

It asks the kernel's table of mounts, and follows links only up to a mount that could hang. What
the verdict means is `verdict.py`'s, what a mount does under a test is `probe.py`'s.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from storage import probe
from storage.mounts import Mount, holding, parse
from storage.records import Unavailable
from storage.verdict import Verdict, judge, refuse_locks, refuse_log

TABLE = Path("/proc/self/mountinfo")
MAX_LINKS = 40
"""As many as the kernel follows, path_resolution(7)."""


def verdict_of(path: Path, table: Path = TABLE) -> Verdict:
    """The verdict on the file system that `path` is on or would be made on; touches no mount."""
    try:
        mounts = parse(table.read_text("utf-8", "surrogateescape"))
    except OSError:
        return judge(None)
    return judge(_mount(path, mounts))


def admit(path: Path, accepted: str = "", table: Path = TABLE) -> Verdict:
    """The verdict under which `path` may be opened; may take seconds on a network mount.

    Raises `Unavailable` for an unsafe one, unless `accepted` are the very words of its reason.
    """
    verdict = verdict_of(path, table)
    if not verdict.local:
        verdict = _tried(verdict, path)
    accept(verdict, path, accepted)
    return verdict


def accept(verdict: Verdict, path: Path, accepted: str) -> None:
    """Raises `Unavailable` for an unsafe one, unless `accepted` are the words of its reason."""
    if verdict.kind == "unsafe" and verdict.reason != accepted:
        raise Unavailable(
            f"{path}: {verdict.reason}; {verdict.advice}. To take the risk all the same:"
            f' storage.accept_risk = "{verdict.reason}"'
        )


def _tried(verdict: Verdict, path: Path) -> Verdict:
    if verdict.kind == "unsafe":
        return verdict
    measured = probe.measure(path)
    if measured.fault:
        return refuse_locks(verdict, measured.fault)
    return refuse_log(verdict, f"{path}-wal") if measured.has_log else verdict


def _mount(path: Path, mounts: Sequence[Mount]) -> Mount | None:
    resolved = _resolve(path.absolute(), lambda place: judge(holding(place, mounts)).local)
    return holding(resolved, mounts)


def _resolve(path: Path, may_look: Callable[[str], bool]) -> str:
    """The path without links, as far as that can be said without touching a mount that may hang."""
    rest, place, links = list(path.parts[1:][::-1]), "/", 0
    while rest:
        part = rest.pop()
        if part == "..":
            place = os.path.dirname(place)
            continue
        there = os.path.join(place, part)
        link = _link(there) if may_look(there) else None
        if link is None or links == MAX_LINKS:
            place = there
            continue
        links += 1
        place = "/" if link.startswith("/") else place
        rest += [each for each in link.split("/")[::-1] if each not in {"", "."}]
    return place


def _link(place: str) -> str | None:
    try:
        return os.readlink(place)
    except OSError:
        return None
