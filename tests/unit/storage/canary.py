"""Looks for a text in all files below a directory, in any of the ways that text is written.

In a process of its own, which this file is when it is run as a program: whoever opens and closes a
database that its own process has open takes SQLite's locks away, fcntl(2).
"""

import subprocess
import sys
from pathlib import Path

CODES = ("utf-8", "utf-16-le", "utf-16-be")


def holders(root: Path, text: str) -> set[str]:
    """The files that hold it, as seen from the directory."""
    program = [sys.executable, "-I", __file__, str(root), text]
    done = subprocess.run(program, check=True, capture_output=True, text=True, timeout=60)
    return set(done.stdout.splitlines())


def _content(path: Path) -> bytes:
    """What a file holds; nothing for a socket, or what is gone by now."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _main(root: Path, text: str) -> None:
    forms = [text.lower().encode(code) for code in CODES]
    for path in sorted(root.rglob("*")):
        content = _content(path).lower()
        if any(form in content for form in forms):
            print(path.relative_to(root).as_posix())


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2])
