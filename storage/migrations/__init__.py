"""Alembic's part: named, ordered steps from any older file to this program's tables.

Imported only when there is something to upgrade. `versions/` holds the steps.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

_HERE = Path(__file__).parent


def revisions() -> list[str]:
    """Every revision this program knows, the newest first."""
    script = ScriptDirectory.from_config(_config())
    return [step.revision for step in script.walk_revisions()]


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the missing steps up to a revision inside the transaction that `connection` has begun."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
