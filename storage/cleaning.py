"""Takes what was erased out of a copy of the database too: the same erasers, run on its file."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from storage import receipts
from storage.clock import to_micros
from storage.connection import Connector, discard
from storage.erasure import erase
from storage.faults import DriverError, explain
from storage.inspection import Chained, sound
from storage.key import Keyring
from storage.pragmas import DIRECT
from storage.records import Receipt
from storage.rekey import rekey_copy
from storage.schema import prepare


def clean(path: Path, keys: Keyring, audit: Chained, pending: Sequence[Receipt]) -> int:
    """Erase from a file on this machine whatever of `pending` it does not know; what it knows then.
    It has the key in force from then on.

    Raises `Corrupt`, also for a copy that a newer Parley made, and `WrongKey`.
    """
    try:
        rekey_copy(path, keys, audit)
        connection = Connector(path, DIRECT, keys.current).open()
        try:
            prepare(connection, path)
            connection.rollback()
            apply(connection, pending)
            connection.exec_driver_sql("PRAGMA journal_mode = delete")
            sound(connection, path, audit)
            return receipts.last(connection)
        finally:
            discard(connection)
    except DriverError as error:
        raise explain(error, path) from error


def apply(connection: Connection, pending: Sequence[Receipt]) -> None:
    """Carry out, in one commit, the erasures that a file does not know; it holds nothing newer."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    through = receipts.last(connection)
    missing = [each for each in pending if to_micros(each.at) > through]
    for each in missing:
        if each.person:
            erase(connection, each.person, each.at)
    receipts.take_over(connection, missing)
    connection.commit()
