"""What is written down in the local directory about a database that is on its way elsewhere.

The notice stands beside the working file's name, whether there is one or not. Until it is done it
only says what was brought to the target, so that an attempt that was interrupted is told from
somebody's file. Once it is done, the former place is refused (`opening.py`).
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from storage.directory import write_durably


@dataclass(frozen=True, slots=True)
class Notice:
    """The database goes to `target`, as a file with this SHA-256; it is there when that is done."""

    target: Path
    sha256: str
    is_done: bool


def notice_file(working: Path) -> Path:
    """Where it is written down."""
    return working.with_suffix(".moved")


def read_notice(path: Path, working: Path) -> Notice | None:
    """What is noted of the database at `path`. Raises `OSError`."""
    try:
        noted = json.loads(notice_file(working).read_text("utf-8"))
        if noted["from"] != os.fspath(path.absolute()):
            return None
        return Notice(Path(noted["to"]), str(noted["sha256"]), noted["is_done"] is True)
    except (FileNotFoundError, ValueError, KeyError):
        return None


def write_notice(path: Path, working: Path, notice: Notice) -> None:
    """Note it, on disk before this returns. Raises `OSError`."""
    noted = {
        "from": os.fspath(path.absolute()),
        "to": os.fspath(notice.target),
        "sha256": notice.sha256,
        "is_done": notice.is_done,
    }
    write_durably(notice_file(working), json.dumps(noted))
