"""What the engine's processes see of the bot's environment."""

import pytest

from engine.surroundings import surroundings


@pytest.mark.parametrize("name", ["PARLEY_STORAGE__KEY", "parley_storage__key"])
def test_secrets_stay_here(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "00" * 32)
    monkeypatch.setenv("LANG", "C.UTF-8")
    assert name not in surroundings()
    assert surroundings()["LANG"] == "C.UTF-8"
