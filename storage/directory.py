"""Directories and small files that are there after a power cut: their names are made durable too.

A database's own name needs no care here: SQLite syncs the directory when it commits for the first
time.
"""

import os
from contextlib import suppress
from pathlib import Path


def make_directory(path: Path) -> None:
    """The directory, and those it is in, for their owner only, if they don't exist.

    Raises `OSError` where one can't be made.
    """
    if path.is_dir():
        return
    if path.parent != path:
        make_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync(path.parent)


def write_durably(path: Path, text: str) -> None:
    """Replace a small file for its owner only; it is on disk before this returns.

    Raises `OSError`.
    """
    make_directory(path.parent)
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync(path.parent)


def sync(directory: Path) -> None:
    """Make durable which names are in a directory.

    Some file systems have no such sync and need none; SQLite too goes on then.
    """
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
