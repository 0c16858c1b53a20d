"""The sha256 of a file, by which a model is known."""

import hashlib
from collections.abc import Callable
from pathlib import Path

CHUNK_BYTES = 1 << 20

Progress = Callable[[int, int | None], None]
"""Hears of bytes done, and in all where that is known."""


def sha256_of(path: Path, progress: Progress | None = None) -> str:
    """Hex digest of a file. Raises `OSError`."""
    digest = hashlib.sha256()
    total = path.stat().st_size
    done = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            if progress:
                progress(done, total)
    return digest.hexdigest()
