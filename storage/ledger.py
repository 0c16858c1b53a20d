"""Which backups there are, kept in the database: their directory may be away when that is asked.

A name stands here before the file has it, and until the file was seen to be gone.
"""

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, delete, select

from storage.database import Database
from storage.rotation import Backup, named
from storage.statement import Statement, insertion
from storage.tables import backup

_ALL = Statement(select(backup.c.name).order_by(backup.c.name))
_ADD = Statement(insertion(backup).on_conflict_do_nothing())
_DROP = Statement(delete(backup).where(backup.c.name == bindparam("name")))


class Ledger:
    """Every method raises `StorageError` when the database can't do it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def known(self) -> list[Backup]:
        """The backups that may be there."""
        found = [named(name) for name in await self._db.read(names)]
        return [each for each in found if each is not None]

    async def change(self, come: Collection[str], gone: Collection[str] = ()) -> None:
        """Know these names from now on, and those no more."""

        def op(connection: Connection) -> None:
            _ADD.run_each(connection, [{"name": name} for name in come])
            _DROP.run_each(connection, [{"name": name} for name in gone])

        if come or gone:
            await self._db.write(op)


def names(connection: Connection) -> tuple[str, ...]:
    """Of the backups that may be there, in order."""
    return tuple(str(row[0]) for row in _ALL.rows(connection, {}))
