"""Which file system a path is on, and whether a database may be there.

It asks the kernel's table of mounts, and the machine's own of those it should have; links are
followed only up to a mount that could hang. What the verdict means is `verdict.py`'s, what a mount
does under a test is `probe.py`'s.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from storage import probe
from storage.mounts import Mount, absent, holding, parse, planned
from storage.probe import Measured
from storage.records import Unavailable
from storage.verdict import (
    AUTOFS,
    Verdict,
    is_remote,
    judge,
    refuse_absent,
    refuse_disk,
    refuse_locks,
    refuse_log,
)

TABLE = Path("/proc/self/mountinfo")
PLAN = Path("/etc/fstab")
MAX_LINKS = 40
"""As many as the kernel follows, path_resolution(7)."""


def verdict_of(path: Path, table: Path = TABLE, plan: Path = PLAN) -> Verdict:
    """The verdict on the file system that `path` is on or would be made on; touches no mount.

    A path that `plan` puts on a NAS that is not mounted is on no file system yet.
    """
    mount, is_there = _mount_of(path, table, plan)
    return judge(mount) if is_there or mount is None else refuse_absent(mount)


def nas_of(path: Path, table: Path = TABLE) -> Mount | None:
    """The mount of another machine that `path` is on; None on a disk of this one."""
    mount, is_there = _mount_of(path, table, PLAN)
    return mount if mount and is_there and is_remote(mount.kind) else None


def reach(path: Path, table: Path = TABLE, touch: Callable[[Path], None] = probe.touch) -> None:
    """Let what is mounted when it is asked for (autofs) be mounted; may take seconds."""
    mount, _ = _mount_of(path, table, PLAN)
    if mount and mount.kind == AUTOFS:
        touch(path.parent)


def assert_mounted(path: Path, table: Path = TABLE, plan: Path = PLAN) -> None:
    """Raises `Unavailable` for a path that `plan` puts on a NAS that is not mounted."""
    mount, is_there = _mount_of(path, table, plan)
    if mount and not is_there:
        raise Unavailable(f"{path}: {mount.source} is not mounted; mount {mount.point}")


def _mount_of(path: Path, table: Path, plan: Path) -> tuple[Mount | None, bool]:
    """The mount that a path belongs on, and whether it is there."""
    try:
        mounts = parse(table.read_text("utf-8", "surrogateescape"))
    except OSError:
        return None, False
    resolved = _resolve(path.absolute(), lambda place: judge(holding(place, mounts)).local)
    missing = absent(resolved, _remote(plan), mounts)
    return (missing, False) if missing else (holding(resolved, mounts), True)


def admit(
    path: Path,
    accepted: str = "",
    table: Path = TABLE,
    *,
    on_nas: bool = False,
    measure: Callable[[Path], Measured] = probe.measure,
) -> Verdict:
    """The verdict under which `path` may be opened; may take seconds on a network mount.

    Where it is meant to be `on_nas`, a disk of this machine is not safe: behind an empty mount
    point is one. Raises `Unavailable` for an unsafe one, unless `accepted` are the very words of
    its reason.
    """
    verdict = verdict_of(path, table)
    if on_nas and verdict.is_disk:
        verdict = refuse_disk(verdict)
    if not verdict.local:
        verdict = _tried(verdict, path, measure)
    accept(verdict, path, accepted)
    return verdict


def accept(verdict: Verdict, path: Path, accepted: str) -> None:
    """Raises `Unavailable` for an unsafe one, unless `accepted` are the words of its reason."""
    if verdict.kind == "unsafe" and verdict.reason != accepted:
        raise Unavailable(
            f"{path}: {verdict.reason}; {verdict.advice}. To take the risk all the same:"
            f' storage.accept_risk = "{verdict.reason}"'
        )


def _tried(verdict: Verdict, path: Path, measure: Callable[[Path], Measured]) -> Verdict:
    if verdict.kind == "unsafe":
        return verdict
    measured = measure(path)
    if measured.fault:
        return refuse_locks(verdict, measured.fault)
    return refuse_log(verdict, f"{path}-wal") if measured.has_log else verdict


def _remote(plan: Path) -> Sequence[Mount]:
    try:
        table = plan.read_text("utf-8", "surrogateescape")
    except OSError:
        return ()
    return [mount for mount in planned(table) if is_remote(mount.kind)]


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
