"""What a restored backup must not take back, read from the database that it replaces.

That is the erasures since, the audit, the lists of backups and of former paths, the platforms'
cursors, and who had the lease, for its epochs only grow. A database that can't be read for whatever
reason stops the restore, for then people who had been erased would come back; only when somebody
says so, what can be read of it has to do (`salvaged`).
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection

from storage import receipts
from storage.connection import Connector, discard
from storage.faults import DriverError, explain, explain_os
from storage.filesystem import verdict_of
from storage.key import Keyring
from storage.records import Corrupt, Receipt, WrongKey
from storage.rekey import key_of
from storage.schema import HEAD, prepare, revision

_AUDIT = ("audit", "audit_seal")
_TABLES = (*_AUDIT, "backup", "cursor", "former_path", "lease", "lease_term")

Rows = list[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Present:
    """What was read. `lost` are tables that could not be, the receipts' `erasure` among them."""

    rows: Mapping[str, Rows]
    receipts: Sequence[Receipt]
    lost: tuple[str, ...] = ()

    def hand_over(self, connection: Connection) -> None:
        """Put the rows into a restored file, in a commit of somebody's.

        The audit goes on where the present one ends, if that went on from the backup's: then it
        holds the backup's last row, whose tag stands for all before it.
        """
        backed = _rows_of(connection, "audit")
        is_whole = all(name in self.rows for name in _AUDIT)
        goes_on = is_whole and (not backed or backed[-1] in self.rows["audit"])
        for name, rows in self.rows.items():
            if name in _AUDIT and not goes_on:
                continue
            connection.exec_driver_sql(f"DELETE FROM {name}")  # noqa: S608 - a name of ours
            for row in rows:
                places = ", ".join("?" * len(row))
                connection.exec_driver_sql(f"INSERT INTO {name} VALUES ({places})", row)  # noqa: S608 - a name of ours


def whole(path: Path, keys: Keyring) -> Present:
    """All of it, whichever key the file has.

    Raises `Corrupt` and `WrongKey` for a file that can't be read as it is, `Unavailable` and `Full`
    for what may pass.
    """
    with _opened(path, keys) as connection:
        prepare(connection, path)
        rows = {name: _rows_of(connection, name) for name in _TABLES}
        return Present(rows, receipts.all_of(connection))


def salvaged(paths: Sequence[Path], keys: Keyring) -> Present:
    """What can be read of files that are damaged, newer than this program or under a lost key.

    It is taken from the one of which most can be read; what the first lacks counts as lost all the
    same, for another may be behind it. Raises `Unavailable` and `Full` for what may pass.
    """
    found = [_readable(path, keys) for path in paths]
    return replace(min(found, key=lambda each: len(each.lost)), lost=found[0].lost)


def _readable(path: Path, keys: Keyring) -> Present:
    try:
        with _opened(path, keys) as connection:
            return _salvaged(connection)
    except (Corrupt, WrongKey):
        return Present({}, (), ("erasure", *_TABLES))


def _salvaged(connection: Connection) -> Present:
    """Each table by itself, the erasures first; rows go over only between equal tables."""
    rows: dict[str, Rows] = {}
    known: Sequence[Receipt] = ()
    lost: list[str] = []
    try:
        known = receipts.all_of(connection)
    except DriverError:
        lost.append("erasure")
    for name in _TABLES:
        try:
            if revision(connection) == HEAD:
                rows[name] = _rows_of(connection, name)
                continue
        except DriverError:
            connection.rollback()
        lost.append(name)
    return Present(rows, known, tuple(lost))


@contextmanager
def _opened(path: Path, keys: Keyring) -> Generator[Connection]:
    try:
        key = key_of(path, keys)
        connection = Connector(path, verdict_of(path).pragmas, key).open()
        try:
            yield connection
        finally:
            discard(connection)
    except DriverError as error:
        raise explain(error, path) from error
    except OSError as error:
        raise explain_os(error, path) from error


def _rows_of(connection: Connection, name: str) -> Rows:
    """Every row of a table, as it is stored."""
    found = connection.exec_driver_sql(f"SELECT * FROM {name} ORDER BY rowid")  # noqa: S608 - a name of ours
    return [tuple(row) for row in found]
