"""The sha256 of a file, by which a model is known."""

import hashlib
from collections.abc import Callable
from pathlib import Path

CHUNK_BYTES = 1 << 20


def sha256_of(path: Path, progress: Callable[[int, int | None], None] | None = None) -> str:
    """Hex digest of a file; `progress` hears of bytes done and in all. Raises `OSError`."""
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
