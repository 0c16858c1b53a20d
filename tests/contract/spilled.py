"""What the engine's processes, children of this one, have in a directory: files without a name."""

from contextlib import suppress
from pathlib import Path

import psutil


def files_in(directory: Path) -> list[Path]:
    """Paths by which the files can be opened that no name leads to any more."""
    return [file for child in psutil.Process().children() for file in _held(child.pid, directory)]


def _held(pid: int, directory: Path) -> list[Path]:
    open_files: list[Path] = []
    with suppress(OSError):  # a child that ended
        open_files = [*Path(f"/proc/{pid}/fd").iterdir()]
    return [file for file in open_files if _target(file).startswith(f"{directory}/")]


def _target(file: Path) -> str:
    with suppress(OSError):  # closed meanwhile
        return str(file.readlink())
    return ""
