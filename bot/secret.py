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
    """The secret in `path`, made at its first use; only the bot's own user can read it."""
    make_directory(path.parent)
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(24))
            file.flush()
            os.fsync(descriptor)
        sync(path.parent)
    return path.read_text().strip()
