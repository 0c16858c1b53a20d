"""Secrets that the bot makes for itself and keeps beside its database."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from bot.config import Settings
from bot.place import place_of
from storage.directory import make_directory, sync


def audit_key(settings: Settings) -> bytes:
    """The key of the audit's chain."""
    return kept_secret(
        settings.storage.audit_key or place_of(settings).home.with_suffix(".audit-key")
    ).encode()


def kept_secret(path: Path) -> str:
    """The secret in `path`, made at its first use; only the bot's own user can read it.

    An empty file holds none. Raises `OSError`.
    """
    make_directory(path.parent)
    if not path.exists() or not path.read_text().strip():
        _make(path)
    return path.read_text().strip()


def _make(path: Path) -> None:
    """It gets its name when all of it is on the disk, or the next start would go on with half."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(24))
            file.flush()
            os.fsync(descriptor)
        _name(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


def _name(temporary: Path, path: Path) -> None:
    """Of two processes that make one the first wins."""
    with suppress(FileNotFoundError):
        if path.read_text().strip():
            return
        path.unlink()
    try:
        os.link(temporary, path)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        temporary.replace(path)
