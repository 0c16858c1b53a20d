"""What a started storage is to the bot: a database to use, and how it is."""

from typing import Protocol

from storage.condition import Condition
from storage.database import Database


class Store(Protocol):
    """An open storage."""

    @property
    def database(self) -> Database: ...

    async def condition(self) -> Condition: ...


class Local:
    """One file that this process owns."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def condition(self) -> Condition:
        """Always the same: faults show when it is written."""
        return Condition("local")
