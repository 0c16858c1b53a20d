"""A secret is made once, whole, for the bot's own user."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.secret import kept_secret


def test_it_is_made_at_its_first_use_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "new" / "parley.page-key"
    made = kept_secret(path)
    assert len(made) == 32
    assert kept_secret(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("left", ["", "\n"])
def test_an_empty_file_that_a_full_disk_or_a_kill_left_is_no_secret(
    tmp_path: Path, left: str
) -> None:
    path = tmp_path / "parley.page-key"
    path.write_text(left)
    made = kept_secret(path)
    assert len(made) == 32
    assert kept_secret(path) == made


def test_a_given_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "parley.audit-key"
    path.write_text("given\n")
    assert kept_secret(path) == "given"
    assert path.read_text() == "given\n"


def test_all_who_make_it_at_once_get_the_same(tmp_path: Path) -> None:
    path = tmp_path / "parley.audit-key"
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(kept_secret, [path] * 32))) == 1
