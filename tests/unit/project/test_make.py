"""`make run`: what is missing is said first, and what is installed is not installed again."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OLD_PYTHON = '#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\n[ "$1" = --version ]\n'
NO_VENV = f'#!/bin/sh\ncase "$2" in *venv*) exit 1;; esac\nexec {sys.executable} "$@"\n'
PYTHON = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
PROGRAM = "#!/bin/sh\n"
COMPILERS = {"gcc": PROGRAM, "g++": PROGRAM}


@pytest.mark.parametrize(
    ("programs", "sentence"),
    [
        (COMPILERS, "Python 3.11 or newer is needed and this machine has no python3: "),
        (
            COMPILERS | {"python3": OLD_PYTHON},
            "Python 3.11 or newer is needed and this machine has Python 3.9.2: ",
        ),
        (COMPILERS | {"python3": NO_VENV}, "python3 has no venv module: "),
        ({"python3": PYTHON}, "A C and a C++ compiler are needed "),
        ({"python3": PYTHON, "gcc": PROGRAM}, "A C and a C++ compiler are needed "),
    ],
)
def test_what_is_missing_is_one_sentence(
    programs: Mapping[str, str], sentence: str, tmp_path: Path
) -> None:
    result = _preflight(tmp_path, programs)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"parley: {sentence}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("programs", "chosen"),
    [
        (COMPILERS | {"python3": PYTHON, "python3.12": PYTHON}, "python3"),
        (COMPILERS | {"python3": OLD_PYTHON, "python3.12": PYTHON}, "python3.12"),
        ({"cc": PROGRAM, "c++": PROGRAM, "python3.11": PYTHON}, "python3.11"),
    ],
)
def test_python_is_chosen(programs: Mapping[str, str], chosen: str, tmp_path: Path) -> None:
    result = _preflight(tmp_path, programs)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{chosen}\n", "")


def test_compilers_may_be_named(tmp_path: Path) -> None:
    programs = {"python3": PYTHON, "ccache": PROGRAM, "zig": PROGRAM}
    result = _preflight(tmp_path, programs, CC="ccache cc", CXX="zig c++")
    assert result.returncode == 0


def test_environment_of_an_old_python_is_not_used(tmp_path: Path) -> None:
    _install(tmp_path / "venv/bin", {"python": OLD_PYTHON})
    result = _preflight(tmp_path, COMPILERS | {"python3": PYTHON})
    assert result.returncode == 1
    assert "make clean" in result.stderr


def test_first_run_looks_before_it_installs(tmp_path: Path) -> None:
    plan = _make(_checkout(tmp_path), "run")
    assert "preflight.sh" in plan[0]
    assert "requirements/run.txt" in "".join(plan)
    assert plan[-1] == "exec .venv/bin/parley run"


def test_second_run_only_starts(tmp_path: Path) -> None:
    checkout = _checkout(tmp_path)
    _touch_stamps(checkout)
    assert _make(checkout, "run") == ["exec .venv/bin/parley run"]


def test_new_requirements_are_installed(tmp_path: Path) -> None:
    checkout = _checkout(tmp_path)
    _touch_stamps(checkout)
    later = (checkout / ".venv/.parley").stat().st_mtime + 10
    os.utime(checkout / "requirements/run.txt", (later, later))
    plan = "".join(_make(checkout, "run"))
    assert "requirements/run.txt" in plan
    assert "requirements/build.txt" not in plan


def _preflight(
    root: Path, programs: Mapping[str, str], **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run it on a machine that has only these programs."""
    _install(root / "bin", programs)
    return subprocess.run(
        ["/bin/sh", ROOT / "deploy/preflight.sh", "python3", root / "venv"],
        env={"PATH": str(root / "bin")} | variables,
        capture_output=True,
        text=True,
    )


def _install(folder: Path, programs: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


def _checkout(root: Path) -> Path:
    shutil.copy(ROOT / "Makefile", root)
    shutil.copy(ROOT / "pyproject.toml", root)
    shutil.copytree(ROOT / "requirements", root / "requirements")
    shutil.copytree(ROOT / "deploy", root / "deploy")
    return root


def _touch_stamps(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    newest = max(path.stat().st_mtime for path in checkout.rglob("*"))
    for after_s, name in enumerate([".tools", ".run", ".parley"], start=1):
        stamp = checkout / ".venv" / name
        stamp.touch()
        os.utime(stamp, (newest + after_s, newest + after_s))


def _make(checkout: Path, target: str) -> list[str]:
    """The commands that `make` would run."""
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    result = subprocess.run(
        ["make", "--dry-run", target],
        cwd=checkout,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return [line for line in result.stdout.splitlines() if not line.startswith("make")]
