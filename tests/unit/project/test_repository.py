"""Nothing of the machine that it was made on is left in the repository."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# Taken apart, so that this file does not hold what it looks for.
HOSTS = ["pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "deb.debian" + ".org"]
PATHS = [
    "/opt/" + "pypi",
    "/opt/" + "wheels",
    "/work/" + "main",
    "/work/" + "shared",
    "/root" + "/",
]
FORBIDDEN = re.compile("|".join(re.escape(word) for word in HOSTS + PATHS))


def test_no_file_names_a_registry_or_this_machine() -> None:
    assert [line for path in _committed() for line in _breaches(path)] == []


@pytest.mark.parametrize("word", HOSTS + PATHS)
def test_breach_is_found(word: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text(f"fine\nsee {word}simple\n", "utf-8")
    assert len(_breaches(tmp_path / "a")) == 1


def test_locked_files_hold_hashes_for_everything() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        pins = re.findall(r"(?m)^\S+==\S+.*$", path.read_text("utf-8"))
        assert pins
        assert [pin for pin in pins if not pin.endswith("\\")] == []


def test_tests_use_the_versions_that_run() -> None:
    run, dev = (_pins(ROOT / "requirements" / name) for name in ("run.txt", "dev.txt"))
    assert {name: dev.get(name) for name in run} == run


def _committed() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    paths = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    assert paths
    return [path for path in paths if path.is_file()]


def _breaches(path: Path) -> list[str]:
    text = path.read_text("utf-8", errors="replace")
    lines = enumerate(text.splitlines(), start=1)
    return [f"{path}:{number}: {line[:100]}" for number, line in lines if FORBIDDEN.search(line)]


def _pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"(?m)^([^\s=]+)==(\S+)", path.read_text("utf-8")))
