"""The memory of a state, whatever the kernel can."""

import mmap
import sys

import pytest

from engine.state import room

UNKNOWN_ADVICE = 9999


@pytest.mark.parametrize("size_bytes", [0, 1, 100_000])
def test_there_is_room_for_a_state(size_bytes: int) -> None:
    assert bytes(room(size_bytes)) == bytes(size_bytes)


@pytest.mark.skipif(sys.platform != "linux", reason="nothing is advised elsewhere")
def test_a_kernel_without_large_pages_has_room_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses the advice as it does any that it does not know."""
    monkeypatch.setattr(mmap, "MADV_HUGEPAGE", UNKNOWN_ADVICE)
    with pytest.raises(OSError, match="Invalid argument"):
        mmap.mmap(-1, 1).madvise(UNKNOWN_ADVICE)
    assert len(room(100_000)) == 100_000
