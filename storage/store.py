"""What a started storage is to the bot: a database to use, and how it is."""

from typing import Protocol

from storage.condition import Condition
from storage.database import Database
from storage.lease import Lease


class Store(Protocol):
    """An open storage."""

    @property
    def database(self) -> Database: ...

    async def condition(self) -> Condition: ...


class Local:
    """One file that this process owns, or has the lease of."""

    def __init__(self, database: Database, lease: Lease | None = None) -> None:
        self.database = database
        self._lease = lease

    async def condition(self) -> Condition:
        """Always the same: faults show when it is written."""
        return Condition("local", epoch=self._lease.epoch if self._lease else 0)
