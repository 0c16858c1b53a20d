"""Where the keys of stored conversations come from: a secret, a file, or a command's output.

Each gives the same text: the key in force on its first line, former ones below
(`storage.key.read_keys`).
"""

import os
import secrets
import subprocess
from datetime import datetime
from pathlib import Path

from bot.config import ConfigError, Settings
from bot.sections import Storage
from storage.directory import make_directory, sync
from storage.key import BadKey, Keyring, read_keys

COMMAND_TIMEOUT_S = 30.0
READABLE = (
    "conversations are stored readable. To encrypt them, name a file in storage.key_file and run"
    " “parley db rekey --generate” while the bot is stopped; if they are to stay readable, say"
    ' storage.encryption = "off"'
)
"""What to do where `stays_readable`."""


def keyring_of(settings: Settings) -> Keyring:
    """The keys; may run a command, so not in the event loop.

    With encryption off every key is a former one. Raises `ConfigError`.
    """
    storage = settings.storage
    name = key_source(storage)
    if not name:
        return Keyring()
    try:
        keys = read_keys(_written(storage))
    except BadKey as error:
        raise ConfigError(f"storage.{name}: {error}.") from error
    return keys.retired() if storage.encryption == "off" else keys


def key_source(storage: Storage) -> str:
    """The key of the configuration that says where the keys are; empty without any."""
    given = [name for name in ("key", "key_file", "key_command") if _is_given(storage, name)]
    if len(given) > 1:
        raise ConfigError(f"storage.{given[0]} and storage.{given[1]}: keep one of them.")
    return given[0] if given else ""


def stays_readable(settings: Settings) -> bool:
    """Whether conversations are stored readable though nobody said so; the demo may."""
    storage = settings.storage
    is_said = storage.encryption == "off" or bool(key_source(storage))
    return bool(settings.model_fields_set) and not is_said


def _is_given(storage: Storage, name: str) -> bool:
    value = getattr(storage, name)
    return bool(storage.key.get_secret_value() if name == "key" else value)


def _written(storage: Storage) -> str:
    if storage.key_file is not None:
        return _read(storage.key_file)
    if storage.key_command:
        return _output(storage.key_command)
    return storage.key.get_secret_value()


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            f"storage.key_file: {path} is not there. Put it back, or, if nothing was encrypted yet,"
            " let “parley db rekey --generate” make it."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(
            f"storage.key_file: {path} can't be read: {why}. It must be a text that the bot's user"
            " can read."
        ) from error


def _output(command: tuple[str, ...]) -> str:
    """What it printed; its complaints go where ours go."""
    name = command[0]
    try:
        done = subprocess.run(  # noqa: S603 - the administrator's own command, without a shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=COMMAND_TIMEOUT_S,
            check=True,
        )
        return done.stdout.decode("utf-8")
    except OSError as error:
        raise ConfigError(
            f"storage.key_command: {name} can't be run: {error.strerror}. Name a program, and each"
            " of its arguments as an item of its own."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            f"storage.key_command: {name} did not end within {COMMAND_TIMEOUT_S:.0f} s. It must"
            " print the key without asking anybody."
        ) from error
    except subprocess.CalledProcessError as error:
        raise ConfigError(
            f"storage.key_command: {name} failed (exit code {error.returncode}). Run it by hand as"
            " the bot's user."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"storage.key_command: {name} printed no text. It must print the key as hexadecimal"
            " digits."
        ) from error


def add_key(path: Path, now: datetime) -> None:
    """Put a new key on top of a file, which is made if it is not there; for its owner only.

    The file has it before this returns. Raises `ConfigError`.
    """
    place = path.resolve()  # a link stays one
    temporary = place.with_name(f".{place.name}.new")
    try:
        former = place.read_text("utf-8") if place.exists() else ""
        make_directory(place.parent)
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{secrets.token_hex(32)}  # since {now:%Y-%m-%d}\n{former}")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(place)
        sync(place.parent)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"storage.key_file: {path} can't be written: {error}. Name a file in a directory that"
            " this user may write to."
        ) from error
