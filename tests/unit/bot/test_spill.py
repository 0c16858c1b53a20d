"""Which directories conversations may be spilled to."""

import os
import stat
from pathlib import Path

import pytest

from bot.config import ConfigError, Settings
from bot.spill import spill_directory, spill_state


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of mounts by which all is on one disk, wherever the tests are."""
    path = tmp_path / "mountinfo"
    path.write_text("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n")
    return path


def settings(path: Path | None) -> Settings:
    return Settings.model_validate({"engine": {"spill_dir": path}})


def test_none_is_none():
    assert spill_directory(settings(None)) == ""
    assert "memory only" in spill_state(settings(None))


def test_it_is_made_for_its_owner_alone(tmp_path: Path, table: Path):
    path = tmp_path / "a" / "spill"
    assert "will be made" in spill_state(settings(path), table)
    assert not path.exists()
    assert spill_directory(settings(path), table) == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert list(path.iterdir()) == []
    assert "this user's alone" in spill_state(settings(path), table)


def test_where_a_link_leads_is_what_counts(tmp_path: Path, table: Path):
    path = tmp_path / "spill"
    path.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(path)
    assert spill_directory(settings(tmp_path / "link"), table) == str(path)


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777])
def test_others_may_not_use_it(tmp_path: Path, table: Path, mode: int):
    path = tmp_path / "spill"
    path.mkdir()
    path.chmod(mode)
    for look in (spill_directory, spill_state):
        with pytest.raises(ConfigError, match=rf"{path}.*mode {mode:04o}.*chmod 700 {path}"):
            look(settings(path), table)


@pytest.mark.parametrize("kind", ["tmpfs", "ramfs"])
def test_memory_is_no_disk(tmp_path: Path, table: Path, kind: str):
    memory = tmp_path / "memory"
    with table.open("a") as mounts:
        mounts.write(f"2 1 0:9 / {memory} rw - {kind} {kind} rw\n")
    for look in (spill_directory, spill_state):
        with pytest.raises(ConfigError, match=rf"{kind}, which is memory.*ext4"):
            look(settings(memory / "spill"), table)
    assert not memory.exists()


def test_a_file_is_no_directory(tmp_path: Path, table: Path):
    path = tmp_path / "spill"
    path.touch(0o600)
    with pytest.raises(ConfigError, match="no directory"):
        spill_directory(settings(path), table)


def test_a_directory_below_a_file_cannot_be_made(tmp_path: Path, table: Path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"File exists.*leave engine.spill_dir out"):
        spill_directory(settings(tmp_path / "file" / "spill"), table)


def test_it_is_the_bots_own(tmp_path: Path, table: Path):
    path = Path("/usr")
    if os.geteuid() == 0:
        path = tmp_path / "spill"
        path.mkdir(mode=0o700)
        os.chown(path, 1, 1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        spill_directory(settings(path), table)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p", "somethingfs"])
def test_no_other_machine_may_write_to_it(tmp_path: Path, table: Path, kind: str):
    shared = tmp_path / "shared"
    with table.open("a") as mounts:
        mounts.write(f"2 1 0:9 / {shared} rw - {kind} nas:/share rw\n")
    with pytest.raises(ConfigError, match=f"{shared}/spill.*it is on {kind}.*disk of this machine"):
        spill_directory(settings(shared / "spill"), table)
    assert not shared.exists()
    assert spill_directory(settings(tmp_path / "spill"), table)
