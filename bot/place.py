"""Where the settings say that the database is."""

from bot.config import Settings
from storage.opening import Place


def place_of(settings: Settings) -> Place:
    """The place; `home` of it is what socket and keys stand beside."""
    storage = settings.storage
    working = storage.local_dir / f"{storage.path.stem}.working.db"
    return Place(storage.path, working, storage.mode, storage.accept_risk)
