"""Where conversations may be written that memory has no room for: only what nobody shares.

It is looked at before the engine is told of it, for the engine reads back what it wrote there. How
it is written is `engine.sealed`'s.
"""

import os
import stat
import tempfile
from pathlib import Path

from bot.config import ConfigError, Settings
from storage.directory import make_directory
from storage.filesystem import TABLE, verdict_of

IN_MEMORY = ("tmpfs", "ramfs")
NAME_A_DISK = "Name a directory on a disk of this machine (ext4, xfs, btrfs)"


def spill_directory(settings: Settings, table: Path = TABLE) -> str:
    """The directory that the settings name, made if need be; empty if they name none.

    It is this user's alone and on a disk of this machine, by the kernel's `table` of mounts.
    Raises `ConfigError`.
    """
    path = settings.engine.spill_dir
    if path is None:
        return ""
    _check_disk(path, table)
    try:
        if not path.exists():
            make_directory(path)
        _check_owner(path)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        why = f"{error.strerror} ({error.filename or path})"
        raise _refusal(path, why, "Name a directory that this user may write to") from error
    return str(path.resolve())


def spill_state(settings: Settings, table: Path = TABLE) -> str:
    """What `spill_directory` would say, and nothing is made. Raises `ConfigError`."""
    path = settings.engine.spill_dir
    if path is None:
        return "none: conversations wait in memory only"
    _check_disk(path, table)
    is_there = path.exists()
    if is_there:
        _check_owner(path)
    verdict = verdict_of(path, table)
    made = "this user's alone" if is_there else "will be made"
    most = f"up to {settings.engine.spill_bytes >> 20:,} MiB for each model, encrypted"
    return f"{path}, {made}, {verdict.reason} ({verdict.filesystem}); {most}"


def _check_disk(path: Path, table: Path) -> None:
    verdict = verdict_of(path, table)
    if verdict.filesystem in IN_MEMORY:
        raise _refusal(path, f"it is on {verdict.filesystem}, which is memory", NAME_A_DISK)
    if not verdict.is_disk:
        raise _refusal(
            path,
            f"it is on {verdict.filesystem}, which other machines may write to",
            NAME_A_DISK,
        )


def _check_owner(path: Path) -> None:
    found = path.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise _refusal(path, "it is no directory", "Name another one")
    if found.st_uid != os.geteuid():
        raise _refusal(path, "it belongs to another user", "Name a directory of the bot's own user")
    if stat.S_IMODE(found.st_mode) & 0o077:
        others = f"others may use it (mode {stat.S_IMODE(found.st_mode):04o})"
        raise _refusal(path, others, f"Close it: chmod 700 {path}")


def _refusal(path: Path, fault: str, remedy: str) -> ConfigError:
    return ConfigError(
        f"engine.spill_dir = {str(path)!r}: {fault}. {remedy}, or leave engine.spill_dir out."
    )
