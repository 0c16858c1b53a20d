"""The process that reads one foreign file: `python -m bot.reading.child KIND LIMITS`.

The content comes on standard input; one JSON object, `{"text": …}` or `{"reason": …}`, goes to
standard output. It takes what it may use before it looks at anything.
"""

import json
import os
import resource
import sys

from bot.reading.limits import Limits, Read

NICENESS = 10
"""The engine's work goes first."""
OPEN_FILES = 64


def main() -> None:
    """Read; a crash is for whoever started the child to notice."""
    kind, limits = sys.argv[1], Limits(**json.loads(sys.argv[2]))
    _confine(limits)
    content = sys.stdin.buffer.read(limits.max_bytes + 1)
    found = _read(kind, content, limits)
    answer = {"text": found.text} if found.text else {"reason": found.reason}
    sys.stdout.write(json.dumps(answer))


def _confine(limits: Limits) -> None:
    os.nice(NICENESS)
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        resource.setrlimit(what, (most, most))


def _read(kind: str, content: bytes, limits: Limits) -> Read:
    """Each parser is loaded only where its files are read."""
    if kind == "pdf":
        from bot.reading.pdf import read_pdf

        return read_pdf(content, limits)
    from bot.reading.image import read_image

    return read_image(content, limits)


if __name__ == "__main__":
    main()
