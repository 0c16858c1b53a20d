"""What control groups leave this process of the machine: memory and processors.

The kernel's files are read, version 2's and version 1's, of the process's own group and of every
one above it: each limit on the way binds (Linux, admin-guide/cgroup-v2 and cgroup-v1/memory,
scheduler/sched-bwc). What the machine itself has is `plan`'s.
"""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
NO_LIMIT = 1 << 62


def memory_left_bytes(root: Path = ROOT) -> int:
    """Memory that may still be taken, `NO_LIMIT` at most.

    What the kernel keeps of files counts as left: it is used, but goes when it is in the way.
    """
    return min((_memory_left(group) for group in _groups("memory", root)), default=NO_LIMIT)


def cpus_granted(root: Path = ROOT) -> int:
    """Processors that may be used at once, rounded up, `NO_LIMIT` at most."""
    return min((_cpus(group) for group in _groups("cpu", root)), default=NO_LIMIT)


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """The directories of the groups that may bound what a controller gives out, from the process's
    own one up to the topmost that is to be seen from here.

    In a container the process may be told a path that is not there: its own group is then the
    topmost one.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / (controller if controllers else "")
        names = [name for name in path.split("/") if name]
        if ".." in names:
            names.clear()
        yield from (top.joinpath(*names[:depth]) for depth in range(len(names), -1, -1))


def _memory_left(group: Path) -> int:
    limit = _number(group / "memory.max", group / "memory.limit_in_bytes")
    used = _number(group / "memory.current", group / "memory.usage_in_bytes")
    if limit is None or used is None:
        return NO_LIMIT
    stat = dict(line.split(" ", 1) for line in _read(group / "memory.stat").splitlines())
    # Version 1 counts the groups below only in its totals.
    cached = sum(
        int(stat.get(f"total_{kind}") or stat.get(kind, 0))
        for kind in ("active_file", "inactive_file")
    )
    return max(0, limit - max(0, used - cached))


def _cpus(group: Path) -> int:
    quota, period = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
    fields = _read(group / "cpu.max").split()
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        quota, period = int(fields[0]), int(fields[1])
    return max(1, -(-quota // period)) if quota and period else NO_LIMIT


def _number(*paths: Path) -> int | None:
    """The number in the first file that has one; "max" and -1 stand for none."""
    return next((int(text) for path in paths if (text := _read(path)).isdigit()), None)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
