"""A NAS that a test mounts and maltreats: a FUSE file system served by a process of its own.

The test never touches the mount, which may hang: it looks at copies that the server makes. Where
FUSE can't be used the test is skipped, with the reason.
"""

import ctypes.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

DEVICE = Path("/dev/fuse")
PATIENCE_S = 60.0
REFUSALS = ("not permitted", "denied", "device not found")


@dataclass(frozen=True, slots=True)
class Nas:
    """A mounted NAS, to be used from other processes; its faults stay until `mend`."""

    mount: Path
    _lines: TextIOWrapper

    def fail(self, error: str, every: int = 1, operations: Sequence[str] = ()) -> None:
        """Let every so manyth operation fail with an error of errno(3)."""
        self._do("fail", error=error, every=every, operations=list(operations))

    def delay(self, seconds: float, operations: Sequence[str] = ()) -> None:
        """Let some operations, or all, take longer."""
        self._do("delay", seconds=seconds, operations=list(operations))

    def fill(self, error: str = "ENOSPC", *, late: bool = False) -> None:
        """Leave no space. `late`: it is said at the sync, and what was written is lost then, as a
        client does that writes back later."""
        self._do("fill", error=error, late=late)

    def protect(self) -> None:
        """Refuse to write, as after a remount that is read-only."""
        self._do("protect")

    def hang(self) -> None:
        """Let every operation wait until it is mended."""
        self._do("hang")

    def lie(self) -> None:
        """Say of a sync that it was done, and do nothing, as an export that is `async` does."""
        self._do("lie")

    def forget_handles(self) -> None:
        """Files that are open are stale until they are opened again."""
        self._do("forget_handles")

    def cut_power(self, seed: int, share: float) -> None:
        """Lose what was not synced, but for a share; files that are open are stale."""
        self._do("cut", seed=seed, share=share)

    def mend(self) -> None:
        """End all faults."""
        self._do("mend")

    def save(self, to: Path) -> Path:
        """Copy what the NAS holds into a new directory."""
        shutil.rmtree(to, ignore_errors=True)
        to.mkdir()
        self._do("save", to=str(to))
        return to

    def put(self, path: str, content: bytes) -> None:
        """Leave a file there."""
        self._do("put", path=path, content=content.hex())

    def count(self, what: str) -> int:
        """How many operations of a name there were; `failed`, `hung`, `stale`: met a fault."""
        return self._do("counts").get(what, 0)

    def _do(self, what: str, **details: object) -> dict[str, Any]:
        self._lines.write(json.dumps({"do": what, **details}) + "\n")
        self._lines.flush()
        answer = self._lines.readline()
        if not answer:
            pytest.fail("the NAS's server has ended")
        return json.loads(answer)


@contextmanager
def mounted(mount: Path) -> Generator[Nas]:
    """A new, empty NAS."""
    _need()
    mount.mkdir()
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE_S)
    errors = mount.with_name(f"{mount.name}.log")
    with ours, theirs, errors.open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.rigs.nas_server", str(mount), str(theirs.fileno())],
            pass_fds=[theirs.fileno()], stdout=log, stderr=log, cwd=Path(__file__).parents[2],
            env=os.environ | {"FUSE_LIBRARY_NAME": "fuse3"},
        )  # fmt: skip
        theirs.close()
        try:
            _wait(mount, server, errors)
            with ours.makefile("rw", encoding="utf-8") as lines:
                nas = Nas(mount, lines)
                try:
                    yield nas
                finally:
                    nas.mend()
        finally:
            ours.shutdown(socket.SHUT_RDWR)
            _end(mount, server)


def is_mounted(mount: Path) -> bool:
    """Whether the kernel has it in its table; touches no mount."""
    return f" {mount} " in Path("/proc/self/mountinfo").read_text()


def _need() -> None:
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        pytest.skip(f"{DEVICE} is not there or may not be used: no FUSE file system can be made")
    if shutil.which("fusermount3") is None or ctypes.util.find_library("fuse3") is None:
        pytest.skip("fusermount3 or libfuse3 is missing: install Debian's package fuse3")


def _wait(mount: Path, server: "subprocess.Popen[bytes]", errors: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_mounted(mount):
        if server.poll() is not None or time.monotonic() > deadline:
            said = errors.read_text(errors="replace")
            if any(words in said for words in REFUSALS):
                pytest.skip(f"a FUSE file system can't be mounted here: {said.strip()[-200:]}")
            pytest.fail(f"the NAS's server did not start:\n{said[-2000:]}")
        time.sleep(0.01)


def _end(mount: Path, server: "subprocess.Popen[bytes]") -> None:
    """The server unmounts by itself; one that does not is helped."""
    try:
        server.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    if is_mounted(mount):
        subprocess.run(["fusermount3", "-u", "-z", str(mount)], check=False)
