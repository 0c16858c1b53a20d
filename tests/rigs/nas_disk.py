"""What a NAS's disk holds: for readers now, and after a power cut.

A file's content is durable once the file was synced, its name once its directory was (fsync(2)).
Of anything else a cut leaves a chosen part: sectors of writes, lengths, names, each by itself.
"""

import posixpath
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

SECTOR = 512


@dataclass(slots=True, eq=False)
class Node:
    """A file or a directory. `unsynced` are writes (offset, bytes) and lengths, in order."""

    is_directory: bool = False
    now: bytearray = field(default_factory=bytearray)
    kept: bytes = b""
    unsynced: list[tuple[int, bytes] | int] = field(default_factory=list[tuple[int, bytes] | int])

    def write(self, offset: int, data: bytes) -> None:
        _put(self.now, offset, data)
        self.unsynced.append((offset, data))

    def resize(self, length: int) -> None:
        _resize(self.now, length)
        self.unsynced.append(length)

    def sync(self) -> None:
        self.kept = bytes(self.now)
        self.unsynced.clear()

    def forget(self) -> None:
        """Lose what was not synced, as a cache does whose writing back failed."""
        self.now = bytearray(self.kept)
        self.unsynced.clear()

    def cut(self, chance: random.Random, share: float) -> None:
        """Lose what was not synced, but for a share of it."""
        left = bytearray(self.kept)
        for change in self.unsynced:
            if isinstance(change, int):
                if chance.random() < share:
                    _resize(left, change)
                continue
            for offset, piece in _sectors(*change):
                if chance.random() < share:
                    _put(left, offset, piece)
        self.now = left
        self.sync()


Named = tuple[str, Node | None]


class Disk:
    """A tree of files by path; errors are Python's own `OSError`s."""

    def __init__(self) -> None:
        root = Node(is_directory=True)
        self._now: dict[str, Node] = {"/": root}
        self._kept: dict[str, Node] = {"/": root}
        self._unsynced: list[tuple[Named, ...]] = []

    def find(self, path: str) -> Node:
        if path not in self._now:
            raise FileNotFoundError(2, "no such file", path)
        return self._now[path]

    def names(self, path: str) -> list[str]:
        """What a directory holds."""
        return [posixpath.basename(each) for each in self._now if _is_in(each, path)]

    def add(self, path: str, node: Node) -> None:
        self.find(posixpath.dirname(path))
        self._change((path, node))

    def remove(self, path: str) -> None:
        if self.find(path).is_directory and self.names(path):
            raise OSError(39, "directory not empty", path)
        self._change((path, None))

    def rename(self, old: str, new: str) -> None:
        """A file only: the directories of a trial keep their names."""
        self._change((old, None), (new, self.find(old)))

    def sync(self, directory: str) -> None:
        """Make the names of a directory durable."""
        left: list[tuple[Named, ...]] = []
        for change in self._unsynced:
            if any(_is_in(path, directory) for path, _ in change):
                _apply(self._kept, change)
            else:
                left.append(change)
        self._unsynced = left

    def cut(self, chance: random.Random, share: float) -> None:
        """The power is cut, and comes back: what was not synced is gone, but for a share of it."""
        for change in self._unsynced:
            if chance.random() < share:
                _apply(self._kept, change)
        self._unsynced.clear()
        for node in {id(node): node for node in self._kept.values()}.values():
            node.cut(chance, share)
        self._now = {path: node for path, node in self._kept.items() if self._is_reached(path)}
        self._kept = dict(self._now)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Every file and what it holds now."""
        for path, node in self._now.items():
            if not node.is_directory:
                yield path, bytes(node.now)

    def _change(self, *change: Named) -> None:
        _apply(self._now, change)
        self._unsynced.append(change)

    def _is_reached(self, path: str) -> bool:
        parent = posixpath.dirname(path)
        return path == "/" or (parent in self._kept and self._is_reached(parent))


def _apply(names: dict[str, Node], change: tuple[Named, ...]) -> None:
    for path, node in change:
        if node is None:
            names.pop(path, None)
        else:
            names[path] = node


def _is_in(path: str, directory: str) -> bool:
    return path != "/" and posixpath.dirname(path) == directory


def _resize(data: bytearray, length: int) -> None:
    del data[length:]
    data.extend(bytes(length - len(data)))


def _put(data: bytearray, offset: int, piece: bytes) -> None:
    _resize(data, max(len(data), offset))
    data[offset : offset + len(piece)] = piece


def _sectors(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """A write as the pieces of the sectors that it touches."""
    end = offset + len(data)
    while offset < end:
        stop = min((offset // SECTOR + 1) * SECTOR, end)
        yield offset, data[len(data) - (end - offset) : len(data) - (end - stop)]
        offset = stop
