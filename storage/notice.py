"""What is written down in the local directory about a database that is moved or replaced.

The notice stands beside the working file's name, whether there is one or not, one for each place
that was left. Until it is done it only says what was brought to the target, so that an attempt that
was interrupted is told from somebody's file. Once it is done, the former place is refused
(`opening.py`), until the database comes back there. So is a place where a backup is put, as long as
that is not done.
"""

import json
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from storage.directory import sync, write_durably


@dataclass(frozen=True, slots=True)
class Notice:
    """The database goes to `target`, as a file with this SHA-256; it is there when that is done."""

    target: Path
    sha256: str
    is_done: bool


def notice_file(path: Path, working: Path) -> Path:
    """Where it is written down of the database at `path`."""
    digest = sha256(os.fsencode(_name(path))).hexdigest()[:8]
    return working.with_suffix(f".{digest}.moved")


def read_notice(path: Path, working: Path) -> Notice | None:
    """What is noted of the database at `path`. Raises `OSError`."""
    noted = _read(notice_file(path, working), path)
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
    write_durably(notice_file(path, working), json.dumps(noted))


def drop_notice(path: Path, working: Path) -> None:
    """The database is at `path` again. Raises `OSError`."""
    notice_file(path, working).unlink(missing_ok=True)
    sync(working.parent)


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
