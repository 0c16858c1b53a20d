"""The container's files: linted, confined, and configured with keys that exist."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.config import load

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def test_hadolint_has_no_objection() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    result = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout + result.stderr == ""
    assert result.returncode == 0


def test_environment_of_the_image_is_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in re.findall(r"(PARLEY_\w+)=(\S+)", DOCKERFILE):
        monkeypatch.setenv(name, value)
    settings = load()
    assert settings.storage.path == Path("/data/parley.db")
    assert settings.engine.models_dir == Path("/models")
    assert settings.web.host == "0.0.0.0"
    assert f":{settings.web.port}/readyz" in DOCKERFILE


def test_everything_copied_is_let_into_the_build() -> None:
    wanted = [name for names in re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", DOCKERFILE)
              for name in names.split()]  # fmt: skip
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert {f"!{name}" for name in wanted} <= set(ignored)
    assert [name for name in wanted if not (ROOT / name).exists()] == []


def test_service_is_confined() -> None:
    service = _service()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_user_is_a_number_and_not_root() -> None:
    user = re.findall(r"(?m)^USER (\d+):(\d+)$", DOCKERFILE)[-1]
    assert 0 not in map(int, user)
    assert _service()["user"] == ":".join(user)


def test_service_is_given_the_time_that_answers_may_take_to_end() -> None:
    assert float(_service()["stop_grace_period"].removesuffix("s")) > load().bot.drain_s + 5


def _service() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]["parley"]
