"""Which of the bots that share a file this one is: an id that outlives its process.

It stands in a file of this machine, and one process at a time has it. So whoever comes with an id
knows that the earlier process of that id is dead.
"""

import hashlib
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from storage.directory import make_directory
from storage.ownership import Ownership
from storage.records import Unavailable

MACHINE = Path("/etc/machine-id")


@contextmanager
def alone(path: Path, machine: Path = MACHINE) -> Generator[str]:
    """The id in the file at `path`, made at its first use, for this process alone while it runs.

    The machine is a part of the id: a copied file is another instance on another machine. Raises
    `Fenced` while another process has it, `Unavailable` where it can't be kept.
    """
    try:
        make_directory(path.parent)
    except OSError as error:
        raise _unkept(path, error) from error
    with Ownership(path):
        yield _id(path, machine)


def _id(path: Path, machine: Path) -> str:
    try:
        return hashlib.sha256((_kept(path) + _text(machine)).encode()).hexdigest()[:32]
    except OSError as error:
        raise _unkept(path, error) from error


def _kept(path: Path) -> str:
    if not _text(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(16))
            file.flush()
            os.fsync(descriptor)
    return path.read_text("ascii").strip()


def _text(path: Path) -> str:
    with suppress(FileNotFoundError):
        return path.read_text("utf-8").strip()
    return ""


def _unkept(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"{path}: this bot's id can't be kept there ({error.strerror}); name a writable directory"
        " of this machine in storage.local_dir"
    )
