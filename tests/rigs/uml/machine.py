"""Boots user-mode Linux (Debian's `user-mode-linux`) and runs one program of the project in it.

The guest's root is the host's, read-only, by hostfs: the same interpreter, the same checkout. What
the program does there, with a NAS for example (`nas.py`), is its own business; it hands back what
it found as JSON.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
KERNEL = "linux.uml"
MODULES = Path("/usr/lib/uml/modules")
NEEDS = {
    KERNEL: "user-mode-linux",
    "exportfs": "nfs-kernel-server",
    "mount.nfs": "nfs-common",
    "rpcbind": "rpcbind",
    "smbd": "samba",
    "mount.cifs": "cifs-utils",
    "ip": "iproute2",
    "modprobe": "kmod",
    "mkfs.ext4": "e2fsprogs",
    "unshare": "util-linux",
}
"""Programs, and the Debian packages that bring them."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BASES = ("/mnt", "/media", "/srv")
BOOT_S = 60.0


class NoBoot(Exception):
    """The kernel did not come up here; says what it said."""


def lacking() -> str:
    """What keeps this machine from it, in words; empty when nothing does."""
    packages = {NEEDS[name] for name in NEEDS if shutil.which(name, path=PATH) is None}
    if packages:
        return (
            f"user-mode Linux with a NAS in it needs apt-get install {' '.join(sorted(packages))}"
        )
    return "" if MODULES.is_dir() else f"{MODULES} holds the modules of no kernel"


def run(
    module: str,
    *arguments: str,
    out: Path,
    timeout_s: float,
    disk_mb: int = 256,
    memory_mb: int = 1024,
) -> dict[str, Any]:
    """What `python -m module arguments` in a fresh guest wrote to `out/outcome.json`.

    Raises `NoBoot` when the kernel does not come up, `AssertionError` with what was said when
    the program did not finish in time or failed.
    """
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for name in ("nas.img", "own.img"):
        with (out / name).open("wb") as disk:
            disk.truncate(disk_mb << 20)
    (out / "run").write_text(_script(module, arguments), "utf-8")
    with (out / "console").open("wb") as console:
        guest = subprocess.Popen(
            _command(out, memory_mb), stdin=subprocess.DEVNULL, stdout=console,
            stderr=subprocess.STDOUT, cwd=out, start_new_session=True,
            env=os.environ | {"TMPDIR": str(_memory(out, memory_mb))},
        )  # fmt: skip
        try:
            _wait(guest, out, timeout_s)
        finally:
            _end(guest)
            for name in ("nas.img", "own.img"):
                (out / name).unlink()
    found = out / "outcome.json"
    assert found.exists(), f"{module} {arguments} brought nothing, {said(out)}"
    return json.loads(found.read_text("utf-8"))


def said(out: Path) -> str:
    """What the last guest with this `out` said, the last of it first: of a long message a summary
    shows the beginning."""
    lines = [line for name in ("console", "said") for line in _tail(out / name)]
    last = next((line.strip() for line in lines[::-1] if re.search(r"\w", line)), "nothing")
    return "\n".join([f"and last said: {last}", *lines])


def base() -> str:
    """Where the guest mounts what it needs: a directory that holds nothing it runs."""
    used = [ROOT, Path(sys.base_prefix), Path(sys.prefix).resolve()]
    for place in BASES:
        if Path(place).is_dir() and not any(path.is_relative_to(place) for path in used):
            return place
    raise NoBoot(f"none of {', '.join(BASES)} is free to mount on")


def _command(out: Path, memory_mb: int) -> list[str]:
    """The kernel's command line; what it does not know becomes the environment of `init`."""
    return [
        shutil.which(KERNEL, path=PATH) or KERNEL,
        "umid=nas", f"uml_dir={out}/uml", f"mem={memory_mb}M",
        f"ubda={out}/nas.img", f"ubdb={out}/own.img",
        "rootfstype=hostfs", "rootflags=/", "ro", f"init={Path(__file__).with_name('init.sh')}",
        "con=null", "con0=null,fd:1", "quiet", "panic=-1",
        f"PARLEY_OUT={out}", f"PARLEY_BASE={base()}",
    ]  # fmt: skip


def _memory(out: Path, memory_mb: int) -> Path:
    """Where the kernel keeps the guest's memory, a file: a container's /dev/shm may be too small,
    and then the guest would die in the middle."""
    shared = Path("/dev/shm")
    has_room = shared.is_dir() and shutil.disk_usage(shared).free > memory_mb << 20
    return shared if has_room else out


def _script(module: str, arguments: Sequence[str]) -> str:
    program = shlex.join([sys.executable, "-P", "-m", module, *arguments])
    return f"cd {shlex.quote(str(ROOT))} && PYTHONPATH=$PWD exec {program}\n"


def _wait(guest: "subprocess.Popen[bytes]", out: Path, timeout_s: float) -> None:
    try:
        guest.wait(BOOT_S)
    except subprocess.TimeoutExpired:
        if (out / "booted").exists():
            _wait_on(guest, out, timeout_s)
            return
    if not (out / "booted").exists():
        raise NoBoot(f"{KERNEL} does not boot here, {said(out)}")


def _wait_on(guest: "subprocess.Popen[bytes]", out: Path, timeout_s: float) -> None:
    try:
        guest.wait(timeout_s)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"not done after {timeout_s:.0f} s, {said(out)}") from None


def _end(guest: "subprocess.Popen[bytes]") -> None:
    """The guest's processes are threads and children of one session of the host's."""
    if guest.poll() is None:
        os.killpg(guest.pid, signal.SIGKILL)
    guest.wait()


def _tail(path: Path) -> list[str]:
    if not path.exists():
        return []
    return path.read_text("utf-8", "replace").splitlines()[-60:]
