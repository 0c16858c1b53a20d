"""What belongs to a database file, and giving it another name beside the first."""

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from storage.directory import make_directory, sync
from storage.faults import explain_os
from storage.porter import carry

BESIDE = ("", "-wal", "-shm", "-journal")
"""The file, and what SQLite keeps beside it."""

Step = Callable[[str], None]
"""Told of each step on the way that a file takes to another name or place."""


def unwatched(step: str) -> None:
    """Nobody wants to know how far it is."""


def make(path: Path) -> None:
    """An empty file in the place of whatever is there, for its owner only.

    Raises `Unavailable` and `Full`.
    """
    remove(path)
    try:
        make_directory(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise explain_os(error, path) from error


def keep_beside(paths: Sequence[Path], why: str, now: datetime) -> list[Path]:
    """Give what is there a second name, so that at no moment there is no file at all.

    Raises `Unavailable` and `Full`.
    """
    kept: list[Path] = []
    for path in paths:
        if not path.exists():
            continue
        beside = path.with_name(f"{path.stem}.{why}-{now:%Y%m%dT%H%M%SZ}{path.suffix}")
        try:
            for end in BESIDE:
                _link(path.with_name(path.name + end), beside.with_name(beside.name + end))
            sync(beside.parent)
        except OSError as error:
            raise explain_os(error, beside) from error
        kept.append(beside)
    return kept


def remove(path: Path, ends: Sequence[str] = BESIDE) -> None:
    """Take a file away, or only what is beside it. Raises `Unavailable`."""
    try:
        for end in ends:
            path.with_name(path.name + end).unlink(missing_ok=True)
    except OSError as error:
        raise explain_os(error, path) from error
    sync(path.parent)


def _link(path: Path, beside: Path) -> None:
    if not path.exists():
        return
    try:
        os.link(path, beside)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        carry(path, beside, lambda _: None)
