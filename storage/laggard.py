"""Which of a place's files are kept when they step aside.

A file on the NAS that lags behind its working file may hold what was erased since it was copied to
last, and receipts count on that nothing erased before a file stepped aside is in it (`former.py`).
The working file holds everything that such a file does, so it alone is kept.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import structlog
from sqlalchemy import Connection

from storage import changes
from storage.connection import Connector, discard
from storage.faults import DriverError, explain, explain_os
from storage.key import Keyring
from storage.pragmas import LOCAL, NETWORK, Pragmas
from storage.records import Corrupt, StorageError, Unavailable, WrongKey
from storage.rekey import key_of

log = structlog.stdlib.get_logger("storage")


def worth_keeping(other: Path, working: Sequence[Path], keys: Keyring) -> list[Path]:
    """These files without the one on the NAS if it lags; whoever calls owns them.

    One that went another way, that is damaged or that no key opens is worth it: what it holds may
    be nowhere else. Raises `Unavailable` for what can't be reached.
    """
    lags = any(_lags(other, each, keys) for each in working)
    return [*working] if lags else [other, *working]


def _lags(other: Path, working: Path, keys: Keyring) -> bool:
    try:
        return _is_filled(other) and _is_filled(working) and _is_behind(other, working, keys)
    except (Corrupt, WrongKey) as error:
        fault: StorageError = error
    except DriverError as error:
        fault = explain(error, other)
        if isinstance(fault, Unavailable):
            raise fault from error
    except OSError as error:
        raise explain_os(error, other) from error
    log.warning("the file on the NAS is kept beside, with what it holds", reason=str(fault))
    return False


def _is_behind(other: Path, working: Path, keys: Keyring) -> bool:
    with ExitStack() as stack:
        there = _opened(other, NETWORK, keys, stack)
        here = _opened(working, LOCAL, keys, stack)
        point = changes.replica_point(there)
        if point is None or point == changes.last(here):
            return False
        return changes.holds(here, point)


def _opened(path: Path, pragmas: Pragmas, keys: Keyring, stack: ExitStack) -> Connection:
    connection = Connector(path, pragmas, key_of(path, keys)).open()
    stack.callback(discard, connection)
    return connection


def _is_filled(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0
