"""A state comes back as it was, or not at all, and nobody else can read it."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.sealed import CHUNK_BYTES, Abandoned, Broken, Sealed

CANARY = b"kanarienvogel7f3a"


def wanted() -> bool:
    return True


def sealed(directory: Path, state: bytes, label: bytes = b"ann") -> Sealed:
    file = Sealed(directory)
    file.write(state, label, wanted)
    return file


@given(
    whole=st.integers(0, 2),
    rest=st.binary(max_size=64),
    label=st.binary(max_size=8),
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_read_is_what_was_written(tmp_path: Path, whole: int, rest: bytes, label: bytes):
    state = bytes(range(256)) * (whole * CHUNK_BYTES // 256) + rest
    file = sealed(tmp_path, state, label)
    assert bytes(file.read(label, wanted)) == state
    file.close()


def test_it_has_no_name_and_nothing_readable(tmp_path: Path):
    file = sealed(tmp_path, CANARY * 100)
    assert list(tmp_path.iterdir()) == []
    found = os.fstat(file.descriptor)
    assert (found.st_nlink, stat.S_IMODE(found.st_mode)) == (0, 0o600)
    assert CANARY not in os.pread(file.descriptor, found.st_size, 0)
    assert Path(os.readlink(f"/proc/self/fd/{file.descriptor}")).parent == tmp_path
    file.close()


def test_no_two_files_have_the_same_key(tmp_path: Path):
    files = [sealed(tmp_path, CANARY) for _ in range(2)]
    first, second = (os.pread(file.descriptor, 100, 0) for file in files)
    assert first != second
    for file in files:
        file.close()


def flip(file: Sealed) -> None:
    byte = os.pread(file.descriptor, 1, 700_000)
    os.pwrite(file.descriptor, bytes([byte[0] ^ 1]), 700_000)


def flip_the_tag(file: Sealed) -> None:
    end = os.fstat(file.descriptor).st_size - 1
    byte = os.pread(file.descriptor, 1, end)
    os.pwrite(file.descriptor, bytes([byte[0] ^ 1]), end)


def truncate(file: Sealed) -> None:
    os.ftruncate(file.descriptor, 700_000)


def lengthen(file: Sealed) -> None:
    os.pwrite(file.descriptor, b"x", os.fstat(file.descriptor).st_size)


def swap(file: Sealed) -> None:
    other = sealed(Path("/tmp"), bytes(1_500_000))
    os.pwrite(file.descriptor, os.pread(other.descriptor, 2_000_000, 0), 0)
    other.close()


@pytest.mark.parametrize("change", [flip, flip_the_tag, truncate, lengthen, swap])
def test_a_changed_file_is_refused(tmp_path: Path, change: Callable[[Sealed], None]):
    file = sealed(tmp_path, bytes(1_500_000))
    change(file)
    with pytest.raises(Broken):
        file.read(b"ann", wanted)
    file.close()


def test_a_file_is_good_for_whom_it_was_written_only(tmp_path: Path):
    file = sealed(tmp_path, CANARY)
    with pytest.raises(Broken):
        file.read(b"bob", wanted)
    file.close()


def test_what_is_no_longer_wanted_stops(tmp_path: Path):
    file = Sealed(tmp_path)
    with pytest.raises(Abandoned):
        file.write(CANARY, b"", lambda: False)
    file.write(CANARY, b"", wanted)
    file.close()
