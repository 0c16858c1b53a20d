"""PURE. The kernel's table of mounts, and which of them holds a path.

The format is that of `/proc/self/mountinfo`, proc(5); that of the mounts that a machine is meant to
have is fstab(5).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount: where, of which kind, of what; `options` of the mount and of its file system."""

    point: str
    kind: str
    source: str
    options: frozenset[str]

    def option(self, name: str) -> str | None:
        """The value of `name=value`; None when it is not there."""
        for each in self.options:
            key, equals, value = each.partition("=")
            if equals and key == name:
                return value
        return None


def parse(table: str) -> tuple[Mount, ...]:
    """The mounts in the order of the table; lines that are none are passed over."""
    return tuple(mount for line in table.splitlines() if (mount := _mount(line)) is not None)


def planned(table: str) -> tuple[Mount, ...]:
    """The mounts that a machine is meant to have; lines that are none are passed over."""
    lines = (line.split() for line in table.splitlines())
    return tuple(
        Mount(_plain(fields[1]).rstrip("/") or "/", fields[2], _plain(fields[0]), frozenset())
        for fields in lines
        if len(fields) >= 4 and not fields[0].startswith("#")
    )


def absent(path: str, plan: Sequence[Mount], mounts: Sequence[Mount]) -> Mount | None:
    """The mount that a path without links is meant to be on and is not, for it is not there."""
    meant, found = holding(path, plan), holding(path, mounts)
    if meant is None or (found is not None and len(found.point) >= len(meant.point)):
        return None
    return meant


def holding(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """The mount that an absolute path without links is on: the longest point, the latest of it."""
    found: Mount | None = None
    for mount in mounts:
        if _is_within(path, mount.point) and (
            found is None or len(mount.point) >= len(found.point)
        ):
            found = mount
    return found


def _mount(line: str) -> Mount | None:
    head, dash, tail = line.partition(" - ")
    fields, rest = head.split(), tail.split()
    if not dash or len(fields) < 6 or len(rest) < 2:
        return None
    options = _split(fields[5:6] + rest[2:3])
    return Mount(_plain(fields[4]), rest[0], _plain(rest[1]), frozenset(options))


def _split(lists: Iterable[str]) -> Iterable[str]:
    return (option for each in lists for option in each.split(",") if option)


def _plain(text: str) -> str:
    """Blanks and backslashes are written as three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _is_within(path: str, point: str) -> bool:
    return point == "/" or path == point or path.startswith(point + "/")
