"""System calls that fail under a database and a working file: refused or durable, nothing half.

strace fails every so manyth write or sync of the file and its log, and of no other file.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.nas_writers import found, group

LONG = bool(os.environ.get("PARLEY_LONG_FAULTS"))
GROUPS = 60
SYNCS, WRITES = "fsync,fdatasync", "pwrite64,write"
EVERY = f"{SYNCS},{WRITES}"
QUICK = [("local-first", EVERY, "EIO", "40+17"), ("local", WRITES, "ENOSPC", "18+23")]
"""Where, what fails, how, and which first and which then."""
TRIALS = QUICK + [
    (where, calls, error, when)
    for where in ("local", "local-first")
    for calls, error, when in (
        (SYNCS, "EIO", "11+7"),
        (SYNCS, "ENOSPC", "5+3"),
        (WRITES, "EIO", "30+41"),
        (WRITES, "ENOSPC", "18+97"),
    )
]


def _can_inject() -> bool:
    if shutil.which("strace") is None:
        return False
    trial = ["strace", "-o", "/dev/null", "-e", "inject=fsync:error=EIO", "true"]
    return subprocess.run(trial, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize(("where", "calls", "error", "when"), TRIALS if LONG else QUICK)
def test_a_write_is_refused_or_durable(
    tmp_path: Path, where: str, calls: str, error: str, when: str
) -> None:
    if not _can_inject():
        pytest.skip("strace is not there or may not trace")
    path, other = tmp_path / "here" / "a.db", tmp_path / "nas" / "a.db"
    program = [sys.executable, "-m", "tests.faults.nas_writers", where, str(path)]
    if where == "local-first":
        program.append(str(other))
    subprocess.run([*program, "1000", "1"], check=True, capture_output=True)
    strace = ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", f"trace={calls}"]
    strace += ["-P", str(path), "-P", f"{path}-wal", "-P", f"{path}-journal"]
    strace += ["-e", f"inject={calls}:error={error}:when={when}"]
    done = subprocess.run(
        [*strace, *program, "0", str(GROUPS)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = [words for line in done.stdout.splitlines() if (words := line.split())]
    acknowledged = [words for words in said if words[0] == "acknowledged"]
    assert "refused" in [words[0] for words in said[: said.index(acknowledged[-1])]]
    events = found(path)
    for _, name, number in acknowledged:
        assert events.issuperset(group(name, int(number)))
