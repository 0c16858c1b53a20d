"""Where the settings say that the database is."""

import socket

from bot.config import ConfigError, Settings
from bot.sections import Storage
from storage.opening import Place, Sharing


def place_of(settings: Settings) -> Place:
    """The place; keys stand beside `home` of it, the socket beside `here`."""
    storage = settings.storage
    working = storage.local_dir / f"{storage.path.stem}.working.db"
    return Place(storage.path, working, storage.mode, storage.accept_risk, _sharing(storage))


def _sharing(storage: Storage) -> Sharing | None:
    if not storage.standby:
        return None
    if storage.mode not in ("auto", "direct"):
        raise ConfigError(
            f"storage.mode = {storage.mode!r}: with storage.standby the database is written where "
            "both bots see it. Leave storage.mode out, or set it to “direct”."
        )
    return Sharing(storage.lease_s, storage.label or socket.gethostname())
