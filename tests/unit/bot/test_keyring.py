"""The keys come from one of three places; what is wrong there is said, the key never."""

import sys
from pathlib import Path
from typing import Any

import pytest

from bot.config import ConfigError, Settings, load
from bot.keyring import keyring_of, stays_readable
from storage.key import Key, Keyring

ONE, TWO = Key("1f" * 32), Key("2e" * 32)
PRINT = [sys.executable, "-c", f"print('{ONE.digits}')"]


def settings(**storage: Any) -> Settings:
    return Settings.model_validate({"storage": storage})


def test_each_place(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{ONE.digits}\n{TWO.digits}\n")
    assert keyring_of(settings(key=ONE.digits)) == Keyring(ONE)
    assert keyring_of(settings(key_file=file)) == Keyring(ONE, (TWO,))
    assert keyring_of(settings(key_command=PRINT)) == Keyring(ONE)
    assert keyring_of(settings()) == Keyring()


def test_a_secret_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "storage__key").write_text(f"{ONE.digits}\n{TWO.digits}\n")
    monkeypatch.setenv("PARLEY_SECRETS_DIR", str(tmp_path))
    assert keyring_of(load()) == Keyring(ONE, (TWO,))


def test_with_encryption_off_the_keys_only_open_what_is_still_encrypted() -> None:
    assert keyring_of(settings(key=ONE.digits, encryption="off")) == Keyring(None, (ONE,))


@pytest.mark.parametrize(
    ("storage", "told"),
    [
        (
            {"key": ONE.digits, "key_command": PRINT},
            "storage.key and storage.key_command: keep one",
        ),
        ({"key": "open sesame"}, "storage.key: line 1: a key is 64 hexadecimal digits"),
        ({"key_file": "/nowhere/key"}, "let “parley db rekey --generate” make it"),
        ({"key_file": "/"}, "/ can't be read: Is a directory"),
        ({"key_command": ["/nowhere/program"]}, "can't be run: No such file"),
        ({"key_command": [sys.executable, "-c", "exit(3)"]}, "failed (exit code 3)"),
        ({"key_command": [sys.executable, "-c", ""]}, "there is no key in it"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said(storage: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        keyring_of(settings(**storage))
    assert told in str(caught.value)
    assert ONE.digits not in str(caught.value)


def test_who_configured_a_bot_without_a_key_is_reminded() -> None:
    assert stays_readable(settings(path="a.db"))
    assert not stays_readable(settings(encryption="off"))
    assert not stays_readable(settings(key=ONE.digits))
    assert not stays_readable(Settings())
