"""The rig's disk: synced bytes and names outlive a power cut, and nothing else has to."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rigs.nas_disk import Disk, Node

SHARES = st.sampled_from([0.0, 0.3, 1.0])
WRITES = st.lists(
    st.one_of(
        st.integers(0, 4000), st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=2000))
    )
)


def change(node: Node, changes: list[int | tuple[int, bytes]]) -> None:
    for each in changes:
        if isinstance(each, int):
            node.resize(each)
        else:
            node.write(*each)


def named(disk: Disk, path: str) -> Node:
    node = Node()
    disk.add(path, node)
    return node


@given(WRITES, WRITES, SHARES, st.integers())
def test_what_was_synced_outlives_a_cut(
    before: list[int | tuple[int, bytes]],
    after: list[int | tuple[int, bytes]],
    share: float,
    seed: int,
) -> None:
    disk = Disk()
    node = named(disk, "/a")
    disk.sync("/")
    change(node, before)
    node.sync()
    synced = bytes(node.now)
    change(node, after)
    latest = bytes(node.now)
    disk.cut(random.Random(seed), share)
    left = bytes(disk.find("/a").now)
    if share == 0.0 or not after:
        assert left == synced
    if share == 1.0:
        assert left == latest
    touched = {
        place
        for each in after
        for place in (
            range(min(each, len(synced)), 6001)
            if isinstance(each, int)
            else range(each[0], each[0] + len(each[1]))
        )
    }
    for place, byte in enumerate(synced):
        if place not in touched:
            assert left[place] == byte


def test_a_write_is_torn_between_sectors_and_never_within() -> None:
    outcomes: set[bytes] = set()
    for seed in range(50):
        disk = Disk()
        node = named(disk, "/a")
        disk.sync("/")
        node.write(0, b"a" * 1024)
        node.sync()
        node.write(256, b"b" * 512)
        disk.cut(random.Random(seed), 0.5)
        outcomes.add(bytes(disk.find("/a").now))
    pieces = (b"a" * 256, b"b" * 256)
    first, second = pieces[0] + pieces[1], pieces[1] + pieces[0]
    plain = b"a" * 512
    assert outcomes == {one + two for one in (plain, first) for two in (plain, second)}


def test_a_name_is_durable_once_its_directory_was_synced() -> None:
    disk = Disk()
    disk.add("/d", Node(is_directory=True))
    named(disk, "/d/a").sync()
    disk.sync("/d")
    disk.cut(random.Random(1), 0.0)
    assert disk.names("/") == []
    disk.add("/d", Node(is_directory=True))
    named(disk, "/d/a").sync()
    disk.sync("/")
    disk.sync("/d")
    disk.remove("/d/a")
    disk.cut(random.Random(1), 0.0)
    assert disk.names("/d") == ["a"]


def test_a_file_is_renamed_whole_or_not_at_all() -> None:
    for seed in range(20):
        disk = Disk()
        for name in ("/old", "/new"):
            named(disk, name).write(0, name.encode())
            disk.find(name).sync()
        disk.sync("/")
        disk.rename("/old", "/new")
        disk.cut(random.Random(seed), 0.5)
        assert (disk.names("/"), bytes(disk.find("/new").now)) in [
            (["old", "new"], b"/new"),
            (["new"], b"/old"),
        ]


def test_a_directory_with_files_is_not_removed() -> None:
    disk = Disk()
    disk.add("/d", Node(is_directory=True))
    named(disk, "/d/a")
    with pytest.raises(OSError, match="not empty"):
        disk.remove("/d")
    with pytest.raises(FileNotFoundError):
        disk.remove("/d/b")
