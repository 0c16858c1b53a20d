"""What a database was last seen on, noted on this machine when it is on a NAS.

Behind a mount point that nothing is mounted on is a disk of this machine, and nothing there tells:
a second database would begin. So a place that was on a NAS is not taken for a disk's.
"""

import json
import os
from pathlib import Path

from storage.directory import write_durably
from storage.mounts import Mount


def mooring_file(working: Path) -> Path:
    """Where it is written down."""
    return working.with_suffix(".mount")


def moored(path: Path, working: Path) -> Mount | None:
    """The NAS that the database at `path` was last seen on. Raises `OSError`."""
    try:
        noted = json.loads(mooring_file(working).read_text("utf-8"))
        if noted["path"] != os.fspath(path.absolute()):
            return None
        return Mount(noted["point"], noted["kind"], noted["source"], frozenset())
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def moor(path: Path, working: Path, mount: Mount) -> None:
    """Note that the database at `path` is on a NAS, unless that is known. Raises `OSError`."""
    before = moored(path, working)
    if before and (before.point, before.kind, before.source) == _place(mount):
        return
    point, kind, source = _place(mount)
    noted = {"path": os.fspath(path.absolute()), "point": point, "kind": kind, "source": source}
    write_durably(mooring_file(working), json.dumps(noted))


def _place(mount: Mount) -> tuple[str, str, str]:
    return mount.point, mount.kind, mount.source
