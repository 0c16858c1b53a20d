"""One state in a file that only this process can read: without a name, encrypted, authenticated.

A state and its tokens are the conversation. So its file has no name in the directory (`O_TMPFILE`,
open(2)): the kernel frees it when the process ends, whatever way that goes, and no backup finds it.
What is in it is ChaCha20-Poly1305, RFC 8439, under a key of its own that is in memory only: to drop
the key is to erase the file. That cipher is quick on every processor, and where AES instructions
are missing it gives nothing away by its timing.
"""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from Crypto.Cipher import ChaCha20_Poly1305

from engine.state import State, room

CHUNK_BYTES = 1 << 20
FLUSH_BYTES = 32 << 20
"""So much is written before it goes to the disk itself: what a commit of the database on the same
disk may have to wait for."""
TAG_BYTES = 16
_NONCE = bytes(12)  # a key seals one file, so no nonce comes twice

Wanted = Callable[[], bool]
"""Whether a state is wanted still; asked between chunks."""


class Broken(Exception):
    """A file does not hold what was written to it."""


class Abandoned(Exception):
    """A state was no longer wanted on its way."""


class Sealed:
    """A state in a file. `label` says whose it is; the same one must be given to read it."""

    def __init__(self, directory: Path) -> None:
        """An empty file, open to its owner only. Raises `OSError`."""
        self._file = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115 - see `close`
        self._key = os.urandom(ChaCha20_Poly1305.key_size)
        self._state_bytes = 0

    @property
    def descriptor(self) -> int:
        """The file's descriptor in this process."""
        return self._file.fileno()

    def write(self, state: State, label: bytes, is_wanted: Wanted) -> None:
        """Write the state and its tag; both are on the disk afterwards, and not in its cache.

        Raises `OSError` and `Abandoned`.
        """
        cipher = self._cipher(label)
        self._state_bytes = len(state)
        with memoryview(state) as view:
            for start in range(0, len(state), CHUNK_BYTES):
                if not is_wanted():
                    raise Abandoned
                _write(self.descriptor, cipher.encrypt(view[start : start + CHUNK_BYTES]))
                if (start + CHUNK_BYTES) % FLUSH_BYTES == 0:
                    self._flush()
        _write(self.descriptor, cipher.digest())
        self._flush()

    def read(self, label: bytes, is_wanted: Wanted) -> State:
        """The state, whose tag was verified. Raises `OSError`, `Broken` and `Abandoned`."""
        if os.fstat(self.descriptor).st_size != self._state_bytes + TAG_BYTES:
            raise Broken("it is not as long as it was")
        cipher = self._cipher(label)
        state = room(self._state_bytes)
        with memoryview(state) as view:
            for start in range(0, len(state), CHUNK_BYTES):
                if not is_wanted():
                    raise Abandoned
                part = view[start : start + CHUNK_BYTES]
                cipher.decrypt(_read(self.descriptor, len(part), start), output=part)
        try:
            cipher.verify(_read(self.descriptor, TAG_BYTES, len(state)))
        except ValueError as exc:
            raise Broken("it is not what was written") from exc
        return state

    def erase(self) -> None:
        """Drop the key: nobody can read the file any more."""
        self._key = b""

    def close(self) -> None:
        """Drop the file and its key."""
        self.erase()
        with suppress(OSError):  # what the disk could not take is gone either way
            self._file.close()

    def _cipher(self, label: bytes) -> ChaCha20_Poly1305.ChaCha20Poly1305Cipher:
        cipher = ChaCha20_Poly1305.new(key=self._key, nonce=_NONCE)
        cipher.update(label)
        return cipher

    def _flush(self) -> None:
        # Memory that the system keeps written pages in would be the model's file's.
        os.fdatasync(self.descriptor)
        os.posix_fadvise(self.descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _write(descriptor: int, data: bytes) -> None:
    with memoryview(data) as view:
        written = 0
        while written < len(data):
            written += os.write(descriptor, view[written:])


def _read(descriptor: int, size: int, offset: int) -> bytes:
    """Exactly so much. Raises `Broken` where the file ends before."""
    parts: list[bytes] = []
    while size and (part := os.pread(descriptor, size, offset)):
        parts.append(part)
        size, offset = size - len(part), offset + len(part)
    if size:
        raise Broken("it ends too early")
    return b"".join(parts)
