"""What is written down in the local directory about a database that is moved or replaced.

The notice stands beside the working file's name, whether there is one or not. Until it is done it
only says what was brought to the target, so that an attempt that was interrupted is told from
somebody's file. Once it is done, the former place is refused (`opening.py`). So is a place where a
backup is put, as long as that is not done.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.directory import sync, write_durably


@dataclass(frozen=True, slots=True)
class Notice:
    """The database goes to `target`, as a file with this SHA-256; it is there when that is done."""

    target: Path
    sha256: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Left:
    """A place that a database was moved from, noted in `file`; `working` stood for it here."""

    file: Path
    path: Path
    working: Path


def notice_file(working: Path) -> Path:
    """Where it is written down."""
    return working.with_suffix(".moved")


def read_notice(path: Path, working: Path) -> Notice | None:
    """What is noted of the database at `path`. Raises `OSError`."""
    noted = _read(notice_file(working), path)
    try:
        return Notice(Path(noted["to"]), noted["sha256"], noted["is_done"] is True)
    except (KeyError, TypeError):
        return None


def write_notice(path: Path, working: Path, notice: Notice) -> None:
    """Note it, on disk before this returns. Raises `OSError`."""
    noted = {
        "from": _name(path),
        "to": _name(notice.target),
        "sha256": notice.sha256,
        "is_done": notice.is_done,
    }
    write_durably(notice_file(working), json.dumps(noted))


def note_restoring(path: Path, working: Path, backup: Path) -> None:
    """A backup is being put in the place of the database at `path`. Raises `OSError`."""
    noted = {"from": _name(path), "backup": _name(backup)}
    write_durably(_restoring_file(working), json.dumps(noted))


def note_restored(working: Path) -> None:
    """It is there, all of it. Raises `OSError`."""
    _restoring_file(working).unlink(missing_ok=True)
    sync(working.parent)


def read_restoring(path: Path, working: Path) -> Path | None:
    """The backup that may be half in the place of the database at `path`. Raises `OSError`."""
    noted = _read(_restoring_file(working), path)
    return Path(noted["backup"]) if "backup" in noted else None


def lefts_of(target: Path, directory: Path) -> list[Left]:
    """The places that the database at `target` was moved from, as far as that is noted in a local
    directory. Raises `OSError`."""
    found: list[Left] = []
    for file in sorted(directory.glob("*.moved")):
        try:
            noted = json.loads(file.read_text("utf-8"))
            if noted["to"] == _name(target) and noted["is_done"] is True:
                found.append(Left(file, Path(noted["from"]), file.with_suffix(".db")))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _restoring_file(working: Path) -> Path:
    return working.with_suffix(".restoring")


def _read(file: Path, path: Path) -> dict[str, Any]:
    try:
        noted = json.loads(file.read_text("utf-8"))
        return noted if noted["from"] == _name(path) else {}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def _name(path: Path) -> str:
    return os.fspath(path.absolute())
