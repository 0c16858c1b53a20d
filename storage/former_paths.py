"""Where the database was before it was moved, known in the database itself: it takes that along
wherever it goes next, to whichever machine opens it there.

What is left there, and until when, is `former.py`'s business.
"""

import os
from collections.abc import Collection
from pathlib import Path

from sqlalchemy import Connection, bindparam, delete, select

from storage.database import Database
from storage.statement import Statement, insertion
from storage.tables import former_path

_ALL = Statement(select(former_path).order_by(former_path.c.path))
_ADD = Statement(insertion(former_path).on_conflict_do_nothing())
_DROP = Statement(delete(former_path).where(former_path.c.path == bindparam("path")))


class FormerPaths:
    """Every method raises `StorageError` when the database can't do it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def known(self) -> list[Path]:
        """The paths that it had, and those of its working files, where something may be left."""
        rows = await self._db.read(lambda connection: _ALL.rows(connection, {}))
        return [Path(path) for (path,) in rows]

    async def drop(self, paths: Collection[Path]) -> None:
        """Know these no more."""
        if paths:
            await self._db.write(lambda connection: _DROP.run_each(connection, _rows(paths)))


def note(connection: Connection, paths: Collection[Path]) -> None:
    """The database leaves these, in a commit of somebody's."""
    _ADD.run_each(connection, _rows(paths))


def _rows(paths: Collection[Path]) -> list[dict[str, object]]:
    return [{"path": os.fspath(path.absolute())} for path in paths]
