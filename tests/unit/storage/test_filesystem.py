"""Which mount holds a path, what is thought of it, and what it does under a test."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.health import storage_part
from storage.condition import Condition
from storage.database import Database
from storage.filesystem import admit, assert_mounted, reach, verdict_of
from storage.mounts import Mount, holding, parse, planned
from storage.opening import Place, opened
from storage.pragmas import DIRECT, LOCAL, OTHER
from storage.probe import measure, touch
from storage.records import Unavailable
from storage.verdict import judge


def mount(kind: str, options: str = "rw") -> Mount:
    return Mount("/nas", kind, "box:/vol", frozenset(options.split(",")))


def line(point: str, kind: str, options: str = "rw") -> str:
    return f"22 27 0:21 / {point} rw,relatime shared:1 - {kind} box:/vol {options}\n"


@pytest.mark.parametrize(
    ("kind", "options", "verdict", "words"),
    [
        ("ext4", "rw", "local", "a disk of this machine"),
        ("overlay", "rw", "local", "goes with the container"),
        ("ext4", "rw,nobarrier", "unsafe", "a power cut loses commits"),
        ("xfs", "ro", "unsafe", "read-only"),
        ("nfs4", "rw,hard,vers=4.1", "network", "NFS 4.1"),
        ("nfs", "rw,hard,vers=3", "network", "a lock may outlive who held it"),
        ("nfs4", "rw,soft,vers=4.2", "unsafe", "gives up writes"),
        ("nfs", "rw,vers=3,nolock", "unsafe", "two programs can write at once"),
        ("nfs", "rw,vers=3,local_lock=all", "unsafe", "two programs can write at once"),
        ("nfs", "rw,vers=3,local_lock=flock", "unsafe", "two programs can write at once"),
        ("cifs", "rw,nobrl,cache=strict", "network", "one bot alone"),
        ("cifs", "rw,cache=strict", "unsafe", "without nobrl"),
        ("cifs", "rw,nobrl,nostrictsync", "unsafe", "not on the server's disk"),
        ("fuse.sshfs", "rw", "network", "little is known of fuse.sshfs"),
        ("9p", "rw", "network", "little is known of 9p"),
        ("virtiofs", "rw", "network", "little is known of virtiofs"),
        ("orangefs", "rw", "unsafe", "orangefs is not known"),
    ],
)
def test_verdict(kind: str, options: str, verdict: str, words: str) -> None:
    found = judge(mount(kind, options))
    assert found.kind == verdict
    assert words in found.reason
    assert found.local == (verdict == "local")
    assert (found.pragmas is LOCAL) == (kind in {"ext4", "xfs", "overlay"})
    if verdict == "unsafe":
        assert "/nas" in found.advice


def test_pragmas_follow() -> None:
    assert judge(mount("nfs4", "rw,vers=4.1")).pragmas is DIRECT
    assert judge(mount("fuse.sshfs")).pragmas is OTHER
    assert judge(None).pragmas is OTHER


@given(st.lists(st.sampled_from("ab"), max_size=4), st.text(max_size=3))
def test_longest_mount_holds_a_path(parts: list[str], tail: str) -> None:
    point = "/" + "/".join(parts)
    table = "".join(line(each, "ext4") for each in {"/", "/a", "/a/b"}) + line(point, "nfs")
    found = holding(f"{point.rstrip('/')}/c{tail}", parse(table))
    assert found is not None
    assert found.point == point
    assert found.kind == "nfs"


@given(st.text())
def test_a_table_that_is_none_is_no_fault(table: str) -> None:
    parse(table)


def test_a_point_with_a_blank_is_found(tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.write_text(line("/", "ext4") + line("/my\\040nas", "fuse.x"))
    assert verdict_of(Path("/my nas/a.db"), table).filesystem == "fuse.x"
    assert verdict_of(Path("/my nasty/a.db"), table).filesystem == "ext4"


def test_links_are_followed_to_the_mount(tmp_path: Path) -> None:
    nas, link, table = tmp_path / "nas", tmp_path / "link", tmp_path / "table"
    nas.mkdir()
    link.symlink_to("./nas")
    (tmp_path / "loop").symlink_to("loop")
    table.write_text(line("/", "ext4") + line(str(nas.resolve()), "fuse.x"))
    assert verdict_of(link / "a.db", table).kind == "network"
    assert verdict_of(tmp_path / "link" / ".." / "a.db", table).kind == "local"
    assert verdict_of(tmp_path / "loop" / "a.db", table).kind == "local"


def test_without_a_table_nothing_is_known(tmp_path: Path) -> None:
    assert verdict_of(tmp_path / "a.db", tmp_path / "none").kind == "unsafe"


def test_an_unsafe_one_is_refused_but_for_its_own_words(tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.write_text(line("/", "orangefs"))
    path = tmp_path / "a.db"
    words = verdict_of(path, table).reason
    for accepted in ("", "yes", words.upper()):
        with pytest.raises(Unavailable, match=f'put the .*storage.accept_risk = "{words}"'):
            admit(path, accepted, table)
    assert admit(path, words, table).kind == "unsafe"


def test_a_log_beside_a_database_on_a_network_mount_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.write_text(line("/", "nfs4", "rw,vers=4.1"))
    path = tmp_path / "a.db"
    assert admit(path, "", table).kind == "network"
    path.with_name("a.db-wal").touch()
    with pytest.raises(Unavailable, match=r"a write-ahead log lies beside.*copy the database back"):
        admit(path, "", table)


def test_locks_and_space_of_a_disk_are_measured(tmp_path: Path) -> None:
    found = measure(tmp_path / "to be made" / "a.db")
    assert found.fault == ""
    assert found.free_bytes > 0
    assert found.fsync_ms > 0
    assert list(tmp_path.iterdir()) == []


async def test_a_database_says_where_it_is(tmp_path: Path) -> None:
    async with Database(tmp_path / "a.db") as database:
        assert database.verdict.local


def test_a_planned_mount_that_is_not_there_is_refused(tmp_path: Path) -> None:
    table, plan = tmp_path / "mountinfo", tmp_path / "fstab"
    table.write_text(line("/", "ext4"))
    plan.write_text(
        "# <file system> <mount point> <type> <options>\n"
        "box:/vol /mnt/my\\040nas/ nfs hard,vers=4.1,noauto 0 0\n"
        "/dev/sdb1 /mnt/disk ext4 defaults 0 2\nnone\n"
    )
    path = Path("/mnt/my nas/parley/a.db")
    found = verdict_of(path, table, plan)
    assert (found.kind, found.filesystem, found.is_disk) == ("unsafe", "nfs", False)
    assert (found.reason, found.advice) == ("box:/vol is not mounted", "mount /mnt/my nas")
    with pytest.raises(Unavailable, match=r"a\.db: box:/vol is not mounted"):
        assert_mounted(path, table, plan)
    assert_mounted(Path("/mnt/disk/a.db"), table, plan)
    assert verdict_of(Path("/mnt/disk/a.db"), table, plan).local
    assert verdict_of(Path("/mnt/my nasty/a.db"), table, plan).local
    table.write_text(line("/", "ext4") + line("/mnt/my\\040nas", "nfs4", "hard,vers=4.1"))
    assert verdict_of(path, table, plan).kind == "network"
    assert_mounted(path, table, plan)


@given(st.text())
def test_a_plan_that_is_none_is_no_fault(table: str) -> None:
    planned(table)


async def test_a_nas_that_was_never_mounted_is_refused_and_nothing_made(tmp_path: Path) -> None:
    point = tmp_path / "nas"
    point.mkdir()
    place = Place(point / "parley" / "a.db", tmp_path / "here" / "working.db", "local-first")
    with pytest.raises(Unavailable, match=r"not on a NAS; mount the NAS there; or, .*local") as met:
        async with opened(place):
            pass
    assert list(point.iterdir()) == []
    words = str(met.value).rpartition("accept_risk = ")[2].strip('"')
    taken = replace(place, accept_risk=words)
    async with opened(taken) as store:
        assert (await store.condition()).state == "copying"
    assert taken.risk == words
    assert place.risk == ""


def test_what_mounts_itself_is_touched_before_it_is_judged(tmp_path: Path) -> None:
    table, touched = tmp_path / "mountinfo", list[Path]()

    def mount_it(directory: Path) -> None:
        touched.append(directory)
        table.write_text(line("/nas", "autofs") + line("/nas/vol", "nfs4", "hard,vers=4.1"))

    path = Path("/nas/vol/a.db")
    table.write_text(line("/", "ext4") + line("/nas", "autofs"))
    assert verdict_of(path, table).reason == "box:/vol is not mounted"
    assert not verdict_of(path, table).is_disk
    reach(path, table, mount_it)
    assert verdict_of(path, table).kind == "network"
    reach(path, table, mount_it)
    assert touched == [path.parent]


def test_whatever_comes_of_touching_it(tmp_path: Path) -> None:
    touch(tmp_path)
    touch(tmp_path / "none")


async def test_a_working_file_has_to_be_on_a_disk(tmp_path: Path) -> None:
    place = Place(tmp_path / "a.db", Path("/proc/working.db"), "local-first")
    with pytest.raises(Unavailable, match=r"would be on proc; name a directory"):
        async with opened(place):
            pass


def test_what_is_accepted_is_said() -> None:
    part = storage_part(Condition("local"), judge(mount("orangefs")).risk)
    assert "takes writes; at an accepted risk: the file system orangefs" in part.detail
