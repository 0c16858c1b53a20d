"""The tables of a file that has a copy or is shared: what changed in it, and who has it.

`changes.py` and `lease.py` know them by their columns.
"""

from sqlmodel import Field

from storage.row import Row


class ChangeRow(Row, table=True):
    """In a working file: that a row changed, and which; see `changes.py`."""

    seq: int = Field(primary_key=True)
    mark: int
    name: str
    key: str
    at: int


class ReplicaRow(Row, table=True):
    """Which point of a change log this file holds; one row, and none before there is a log."""

    id: int = Field(primary_key=True)
    seq: int
    mark: int


class LeaseRow(Row, table=True):
    """Who has this file, of the bots that share it: `tenure.Grip`; one row, or none yet."""

    id: int = Field(primary_key=True)
    epoch: int
    holder: str
    label: str
    beat: int
    ttl_s: float


class LeaseTermRow(Row, table=True):
    """Somebody's time with the lease; `commits` of it are known when the next one begins."""

    epoch: int = Field(primary_key=True)
    holder: str
    label: str
    began_at: int
    commits: int | None
