"""The tables, seen by nobody outside `storage/`; a change here needs a migration.

Rows are described with SQLModel and reached through Core statements on the `Table`s named at the
end. Times are microseconds since the epoch (`clock.py`). Every index serves a query; what is
looked up by state has a partial index, so that the hot set stays small beside a million turns.
"""

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from storage import copy_tables, page_tables
from storage.row import Row, table_of

PENDING = text("outcome IS NULL")
UNDELIVERED = text("state IN ('open', 'ready')")
DEAD = text("state = 'dead'")
IS_DENIED = text("outcome = 'denied'")
"""Conditions of partial indexes, to be used in queries word for word."""


class InboxRow(Row, table=True):
    """An inbound event. `outcome` is null until it is finished; then `payload` is blank."""

    __table_args__ = (
        UniqueConstraint("platform", "account", "event_id"),
        Index("inbox_pending", "id", sqlite_where=PENDING),
        Index("inbox_person", "person"),
    )

    id: int | None = Field(primary_key=True)
    platform: str
    account: str
    event_id: str
    kind: str
    session: str
    person: str
    payload: str
    payload_sha256: str
    received_at: int
    attempts: int
    outcome: str | None
    finished_at: int | None


class CursorRow(Row, table=True):
    """Where an adapter stands in its platform's stream."""

    platform: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    cursor: str


class OutboxRow(Row, table=True):
    """A part of an answer. `body` is null while it is open, to be removed, or delivered."""

    __table_args__ = (
        UniqueConstraint("answer", "part"),
        Index("outbox_undelivered", "id", sqlite_where=UNDELIVERED),
        Index("outbox_dead", "id", sqlite_where=DEAD),
        Index(
            "outbox_remote",
            "platform",
            "account",
            "remote_id",
            sqlite_where=text("remote_id IS NOT NULL"),
        ),
        Index("outbox_person", "person"),
    )

    id: int | None = Field(primary_key=True)
    answer: str
    part: int
    platform: str
    account: str
    address: str
    session: str
    person: str
    state: str
    body: str | None
    revision: int
    remote_id: str | None
    attempts: int
    error: str
    created_at: int
    ratable: bool = Field(sa_column_kwargs={"server_default": text("0")})


class SessionRow(Row, table=True):
    """A conversation: its last turn's number, and the number its window starts after."""

    key: str = Field(primary_key=True)
    last_number: int
    floor: int
    last_active: int


class TurnRow(Row, table=True):
    """A question and its answer; the question's messages are in `turn_message`."""

    __table_args__ = (
        UniqueConstraint("id"),
        UniqueConstraint("session", "number"),
        Index("turn_person", "person"),
    )

    row: int | None = Field(primary_key=True)
    id: str
    session: str
    number: int
    person: str
    author: str
    answer: str
    created_at: int
    stopped: bool
    model: str
    prompt_version: str
    sampling: str
    usage: str


class TurnMessageRow(Row, table=True):
    """One platform message of a turn's question."""

    __table_args__ = (
        ForeignKeyConstraint(["turn"], ["turn.row"], ondelete="CASCADE"),
        UniqueConstraint("turn", "position"),
        Index("turn_message_message", "session", "message_id"),
    )

    row: int | None = Field(primary_key=True)
    turn: int
    position: int
    session: str
    message_id: str
    text: str


class FeedbackRow(Row, table=True):
    """What a person thought of an answer."""

    __table_args__ = (
        ForeignKeyConstraint(["turn"], ["turn.row"], ondelete="CASCADE"),
        Index("feedback_person", "person"),
    )

    turn: int = Field(primary_key=True)
    person: str = Field(primary_key=True)
    value: int
    rated_at: int


class KnownAnswerRow(Row, table=True):
    """A turn whose answer is given again in its room to whoever asks the same (`key`)."""

    __table_args__ = (
        ForeignKeyConstraint(["turn"], ["turn.row"], ondelete="CASCADE"),
        UniqueConstraint("room", "key"),
        Index("known_answer_kept_at", "kept_at"),
    )

    turn: int = Field(primary_key=True)
    room: str
    key: str
    kept_at: int


class StandardAnswerRow(Row, table=True):
    """An answer that administrators wrote. `patterns` is a JSON list."""

    name: str = Field(primary_key=True)
    patterns: str
    template: str
    language: str
    enabled: bool


class MemberRow(Row, table=True):
    """Someone who was seen on a platform."""

    person: str = Field(primary_key=True)
    platform: str
    name: str
    language: str
    first_seen: int
    last_seen: int


class GrantRow(Row, table=True):
    """The role that somebody was given."""

    person: str = Field(primary_key=True)
    role: str


class RoomRow(Row, table=True):
    """A room that the bot was in. `present`: it is in it now."""

    platform: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    room: str = Field(primary_key=True)
    title: str
    allowed: bool
    every_message: bool
    present: bool
    keeps_answers: bool = Field(sa_column_kwargs={"server_default": text("0")})


class PairingRow(Row, table=True):
    """A one-time code that was shown and not used yet, by its digest."""

    code_sha256: str = Field(primary_key=True)
    role: str
    expires_at: int


class QuotaRow(Row, table=True):
    """Somebody's own bounds a day; null: those of the role, 0: none."""

    person: str = Field(primary_key=True)
    messages: int | None
    seconds: int | None


class SpendingRow(Row, table=True):
    """What somebody took of a day (ISO 8601, UTC)."""

    __table_args__ = (Index("spending_day", "day"),)

    person: str = Field(primary_key=True)
    day: str = Field(primary_key=True)
    messages: int
    compute_ms: int


class HintRow(Row, table=True):
    """When a person or a room was last told that it is not let in."""

    about: str = Field(primary_key=True)
    at: int


class SettingRow(Row, table=True):
    """What administrators changed while the bot ran."""

    key: str = Field(primary_key=True)
    value: str


class AuditRow(Row, table=True):
    """Who did what to whom, when, from where, and how it ended. `detail` and `origin` are JSON."""

    __table_args__ = (Index("audit_denied", "actor", "at", sqlite_where=IS_DENIED),)

    id: int | None = Field(primary_key=True)
    at: int
    actor: str
    action: str
    target: str
    detail: str
    outcome: str
    origin: str = Field(sa_column_kwargs={"server_default": text("'{}'")})
    tag: str = Field(sa_column_kwargs={"server_default": text("''")})


class AuditSealRow(Row, table=True):
    """A run of audit rows that was exported: see `chain.Seal`."""

    last: int = Field(primary_key=True)
    first: int
    tag: str
    file: str
    sha256: str
    signature: str


class ErasureRow(Row, table=True):
    """That everything of a person was erased: see `receipts`. `counts` and `backups` are JSON."""

    at: int = Field(primary_key=True)
    person: str
    counts: str
    backups: str
    until: int | None
    closed_at: int | None


class BackupRow(Row, table=True):
    """That a backup of this name may be there: see `ledger`."""

    name: str = Field(primary_key=True)


class FormerPathRow(Row, table=True):
    """Where the database, or its working file, was before it was moved: see `former_paths`."""

    path: str = Field(primary_key=True)


inbox = table_of("inbox")
cursor = table_of("cursor")
outbox = table_of("outbox")
session = table_of("session")
turn = table_of("turn")
turn_message = table_of("turn_message")
feedback = table_of("feedback")
known_answer = table_of("known_answer")
standard_answer = table_of("standard_answer")
member = table_of("member")
grant = table_of("grant")
room = table_of("room")
pairing = table_of("pairing")
quota = table_of("quota")
spending = table_of("spending")
hint = table_of("hint")
setting = table_of("setting")
audit = table_of("audit")
audit_seal = table_of("audit_seal")
erasure = table_of("erasure")
backup = table_of("backup")
former_path = table_of("former_path")
metadata = inbox.metadata
OTHERS = copy_tables, page_tables
"""The files with the other tables, which `metadata` so holds too."""
