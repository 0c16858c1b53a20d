"""A NAS as a FUSE file system with faults, a process of its own: `nas.py` starts and directs it.

Run as `python -m tests.rigs.nas_server MOUNT DESCRIPTOR`; the descriptor is a socket on which one
JSON object a line says what shall go wrong. It ends, and unmounts, when the socket closes. Locks
are left to the kernel, which keeps them between processes; nothing is cached by it.
"""

import errno
import json
import os
import random
import signal
import socket
import stat
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mfusepy import FUSE, FuseOSError, Operations

from tests.rigs.nas_disk import Disk, Node

BLOCK, BLOCKS = 4096, 1 << 20
SPACE_IS_LEFT = 0


@dataclass(slots=True)
class Failing:
    """An error at every so manyth of some operations; of all when none are named."""

    error: int
    every: int
    operations: frozenset[str]
    met: int = 0

    def meets(self, operation: str) -> bool:
        if self.operations and operation not in self.operations:
            return False
        self.met += 1
        return self.met % self.every == 0


@dataclass(slots=True)
class Troubles:
    """What goes wrong. `full` is the error of whatever needs more space; `late`: at the sync.
    `lies`: it says of a sync that it was done, and does nothing."""

    failing: list[Failing] = field(default_factory=list[Failing])
    delay_s: float = 0.0
    delayed: frozenset[str] = frozenset()
    full: int = SPACE_IS_LEFT
    late: bool = False
    read_only: bool = False
    lies: bool = False
    hangs: bool = False


@dataclass(slots=True)
class Handle:
    """A file that somebody has open."""

    node: Node
    is_stale: bool = False


class Server(Operations):
    """The operations of libfuse's high-level interface, each through `_pass` first."""

    use_ns = True

    def __init__(self) -> None:
        self._disk = Disk()
        self._troubles = Troubles()
        self._handles: dict[int, Handle] = {}
        self._last_handle = 0
        self._counts: Counter[str] = Counter()
        self._changed = threading.Condition()

    def direct(self, line: dict[str, Any]) -> dict[str, Any]:
        """Do what the test says."""
        with self._changed:
            direction: Callable[..., dict[str, Any] | None] = getattr(self, f"do_{line.pop('do')}")
            answer = direction(**line)
            self._changed.notify_all()
            return answer or {}

    def do_fail(self, error: str, every: int, operations: list[str]) -> None:
        number = getattr(errno, error)
        self._troubles.failing.append(Failing(number, every, frozenset(operations)))

    def do_delay(self, seconds: float, operations: list[str]) -> None:
        self._troubles.delay_s, self._troubles.delayed = seconds, frozenset(operations)

    def do_fill(self, error: str, late: bool) -> None:
        self._troubles.full, self._troubles.late = getattr(errno, error), late

    def do_protect(self) -> None:
        self._troubles.read_only = True

    def do_lie(self) -> None:
        self._troubles.lies = True

    def do_hang(self) -> None:
        self._troubles.hangs = True

    def do_mend(self) -> None:
        self._troubles = Troubles()

    def do_forget_handles(self) -> None:
        for handle in self._handles.values():
            handle.is_stale = True

    def do_cut(self, seed: int, share: float) -> None:
        self._disk.cut(random.Random(seed), share)
        self.do_forget_handles()

    def do_save(self, to: str) -> None:
        for path, content in self._disk.files():
            target = Path(to + path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def do_put(self, path: str, content: str) -> None:
        node = Node()
        self._disk.add(path, node)
        node.write(0, bytes.fromhex(content))

    def do_counts(self) -> dict[str, Any]:
        return dict(self._counts)

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        with self._pass("getattr"):
            node = self._disk.find(path) if fh is None else self._node(fh)
            kind = stat.S_IFDIR | 0o700 if node.is_directory else stat.S_IFREG | 0o600
            links, size = (2, BLOCK) if node.is_directory else (1, len(node.now))
            owner = {"st_uid": os.getuid(), "st_gid": os.getgid()}
            return {"st_mode": kind, "st_nlink": links, "st_size": size} | owner

    def readdir(self, path: str, fh: int) -> list[str]:
        with self._pass("readdir"):
            return [".", "..", *self._disk.names(path)]

    def mkdir(self, path: str, mode: int) -> int:
        with self._pass("mkdir", writes=True):
            self._disk.add(path, Node(is_directory=True))
        return 0

    def rmdir(self, path: str) -> int:
        return self.unlink(path)

    def create(self, path: str, mode: int, fi: object = None) -> int:
        with self._pass("create", writes=True):
            if self._troubles.full:
                raise FuseOSError(self._troubles.full)
            node = Node()
            self._disk.add(path, node)
            return self._opened(node)

    def open(self, path: str, flags: int) -> int:
        writes = flags & os.O_ACCMODE != os.O_RDONLY
        with self._pass("open", writes=writes):
            return self._opened(self._disk.find(path))

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        with self._pass("read"):
            return bytes(self._node(fh).now[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        with self._pass("write", writes=True):
            node = self._node(fh)
            self._take_space(node, offset + len(data))
            node.write(offset, data)
        return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        with self._pass("truncate", writes=True):
            node = self._disk.find(path)
            if any(each.node is node and each.is_stale for each in self._handles.values()):
                raise FuseOSError(errno.ESTALE)
            self._take_space(node, length)
            node.resize(length)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        with self._pass("fsync", writes=True):
            node = self._node(fh)
            if self._troubles.full and len(node.now) > len(node.kept):
                node.forget()
                raise FuseOSError(self._troubles.full)
            if not self._troubles.lies:
                node.sync()
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        with self._pass("fsyncdir", writes=True):
            if not self._troubles.lies:
                self._disk.sync(path)
        return 0

    def flush(self, path: str, fh: int) -> int:
        with self._pass("flush"):
            return 0

    def release(self, path: str, fh: int) -> int:
        with self._changed:
            self._handles.pop(fh, None)
        return 0

    def unlink(self, path: str) -> int:
        with self._pass("unlink", writes=True):
            self._disk.remove(path)
        return 0

    def rename(self, old: str, new: str) -> int:
        with self._pass("rename", writes=True):
            self._disk.rename(old, new)
        return 0

    def chmod(self, path: str, mode: int) -> int:
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        with self._pass("statfs"):
            free = 0 if self._troubles.full else BLOCKS
            sizes = {"f_bsize": BLOCK, "f_frsize": BLOCK, "f_blocks": BLOCKS, "f_namemax": 255}
            return sizes | {"f_bfree": free, "f_bavail": free, "f_files": BLOCKS, "f_ffree": free}

    def _pass(self, operation: str, *, writes: bool = False) -> threading.Condition:
        """The lock under which the operation runs, unless trouble keeps it from running."""
        if not self._troubles.delayed or operation in self._troubles.delayed:
            time.sleep(self._troubles.delay_s)
        with self._changed:
            self._counts[operation] += 1
            while self._troubles.hangs:
                self._counts["hung"] += 1
                self._changed.wait()
            for each in self._troubles.failing:
                if each.meets(operation):
                    self._counts["failed"] += 1
                    raise FuseOSError(each.error)
            if writes and self._troubles.read_only:
                self._counts["failed"] += 1
                raise FuseOSError(errno.EROFS)
        return self._changed

    def _opened(self, node: Node) -> int:
        self._last_handle += 1
        self._handles[self._last_handle] = Handle(node)
        return self._last_handle

    def _node(self, number: int) -> Node:
        handle = self._handles[number]
        if handle.is_stale:
            self._counts["stale"] += 1
            raise FuseOSError(errno.ESTALE)
        return handle.node

    def _take_space(self, node: Node, length: int) -> None:
        if self._troubles.full and not self._troubles.late and length > len(node.now):
            self._counts["failed"] += 1
            raise FuseOSError(self._troubles.full)


def _serve(server: Server, control: socket.socket) -> None:
    """Follow the test until it is gone."""
    with control, control.makefile("rw", encoding="utf-8") as lines:
        for line in lines:
            lines.write(json.dumps(server.direct(json.loads(line))) + "\n")
            lines.flush()
    server.direct({"do": "mend"})
    os.kill(os.getpid(), signal.SIGTERM)


def main(mount: str, descriptor: int) -> None:
    """Serve until the other end of the descriptor is closed."""
    server = Server()
    control = socket.socket(fileno=descriptor)
    threading.Thread(target=_serve, args=(server, control), daemon=True).start()
    FUSE(
        server, mount, foreground=True, fsname="nas:/volume", subtype="nas",
        direct_io=True, entry_timeout=0.0, attr_timeout=0.0, negative_timeout=0.0,
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
