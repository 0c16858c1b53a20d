"""A bot's side of a lease on a file that it shares."""

from dataclasses import dataclass, field
from pathlib import Path

from storage import migrations
from storage.connection import Connector
from storage.database import Database
from storage.lease import Lease, grip_in
from storage.pragmas import DIRECT
from storage.tenure import Standing, Terms
from tests.unit.storage.values import NOON

TTL_S = 30.0


@dataclass
class Machine:
    """A bot's side of the lease on the file that both share; its clock stands until it is set."""

    path: Path
    name: str
    clock: list[float] = field(default_factory=lambda: [1_000.0])
    is_automatic: bool = True

    def __post_init__(self) -> None:
        terms = Terms(self.name, TTL_S, self.is_automatic)
        self.lease = Lease(terms, f"bot {self.name}", lambda: self.clock[0], lambda: NOON)

    def opened(self) -> Database:
        return Database(self.path, custody=self.lease, pragmas=DIRECT)

    def look(self) -> Standing:
        connection = Connector(self.path, DIRECT).open(read_only=True)
        self.lease.see(grip_in(connection))
        connection.close()
        return self.lease.standing

    def wait(self, seconds: float) -> None:
        self.clock[0] += seconds


def make_older(path: Path, revision: str) -> None:
    """A file as an older program left it."""
    path.touch()
    connection = Connector(path, DIRECT).open()
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    migrations.upgrade(connection, revision)
    connection.commit()
    connection.close()
