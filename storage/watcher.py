"""The watcher: a process that looks at the lease in a file, and may be killed when its mount hangs.

`python -m storage.watcher` is begun with the file and its key, which so stands in no list of
processes and no environment, and says for each request how the lease stands in the file. Whoever
asks is `lookout.py`.
"""

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path

from storage.connection import Connector, discard
from storage.faults import DriverError, explain, explain_os
from storage.key import Key
from storage.lease import grip_in
from storage.ownership import Ownership
from storage.pragmas import DIRECT
from storage.records import StorageError


def look(path: Path, key: Key | None) -> dict[str, object]:
    """Whether the file is there, and the lease in it. Raises `StorageError`."""
    if not path.exists():
        return {"exists": False}
    with Ownership(path, shared=True):
        try:
            connection = Connector(path, DIRECT, key).open(read_only=True)
            try:
                grip = grip_in(connection)
            finally:
                discard(connection)
        except DriverError as error:
            raise explain(error, path) from error
    return {"exists": True, "grip": astuple(grip) if grip else None}


def _answer(path: Path, key: Key | None) -> Mapping[str, object]:
    try:
        return look(path, key)
    except StorageError as error:
        fault = error
    except OSError as error:
        fault = explain_os(error, path)
    return {"fault": type(fault).__name__, "text": str(fault)}


def _say(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until the input ends."""
    words = json.loads(sys.stdin.readline())
    key = Key(words["key"]) if words["key"] else None
    _say({"progress": 0})
    for _ in sys.stdin:
        _say(_answer(Path(words["path"]), key))


if __name__ == "__main__":
    with suppress(BrokenPipeError, KeyboardInterrupt):  # nobody is there any more to be told
        main()
