"""Directories that are there after a power cut: a new one's name is made durable too.

A file's own name needs no care here: SQLite syncs the directory when it commits for the first time.
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
    _sync(path.parent)


def _sync(directory: Path) -> None:
    """Some file systems have no such sync and need none; SQLite too goes on then."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
