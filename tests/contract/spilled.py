"""What the engine's processes, children of this one, have in a directory: files without a name."""

from collections.abc import Iterator
from pathlib import Path

import psutil


def files_in(directory: Path) -> list[Path]:
    """Paths by which the files can be opened that no name leads to any more."""
    return [file for child in psutil.Process().children() for file in _held(child.pid, directory)]


def _held(pid: int, directory: Path) -> Iterator[Path]:
    for file in Path(f"/proc/{pid}/fd").iterdir():
        if _target(file).startswith(f"{directory}/"):
            yield file


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except OSError:  # closed meanwhile
        return ""
