"""The memory of a state: what the library gives of a sequence, megabytes that come and go.

Each has pages of its own, which the system has back as soon as the state is dropped. The C
library's heap keeps what is freed in its middle, and with states of all sizes that is as much again
as they take.
"""

import mmap
import sys
from contextlib import suppress

State = bytes | bytearray | mmap.mmap
"""A state, opaque but for its length."""


def room(size_bytes: int) -> bytearray | mmap.mmap:
    """Memory for a state, all zeros."""
    if not size_bytes:
        return bytearray()  # there are no mappings of nothing
    room = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if sys.platform == "linux":
        # Page faults take longer than what is copied into the pages; large ones are few. Kernels
        # that have none say EINVAL (madvise(2)), as small machines' do.
        with suppress(OSError):
            room.madvise(mmap.MADV_HUGEPAGE)
    return room
