"""The tables, seen by nobody outside `storage/`; a change here needs a migration.

Rows are described with SQLModel and reached through Core statements on the `Table`s named at the
end. Times are microseconds since the epoch (`clock.py`). Every index serves a query; what is
looked up by state has a partial index, so that the hot set stays small beside a million turns.
"""

import re

from sqlalchemy import ForeignKeyConstraint, Index, Table, UniqueConstraint, text
from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel

PENDING = text("outcome IS NULL")
UNDELIVERED = text("state IN ('open', 'ready')")
DEAD = text("state = 'dead'")
IS_DENIED = text("outcome = 'denied'")
"""Conditions of partial indexes, to be used in queries word for word."""


class Row(SQLModel):
    """Names the table of a subclass after it: `PagePostRow` describes `page_post`."""

    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805  # pyright: ignore[reportIncompatibleVariableOverride]
        return re.sub(r"(?<=.)(?=[A-Z])", "_", cls.__name__.removesuffix("Row")).lower()


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


class PagePersonRow(Row, table=True):
    """Someone who joined the page."""

    id: str = Field(primary_key=True)
    name: str
    secret_sha256: str
    language: str
    joined_at: int


class PageRoomRow(Row, table=True):
    """A room of the page; `owner` is empty for a shared one."""

    __table_args__ = (UniqueConstraint("id"), Index("page_room_owner", "owner"))

    row: int | None = Field(primary_key=True)
    id: str
    name: str
    owner: str


class PagePostRow(Row, table=True):
    """A message on the page. `position` is its first `seq`, and so the order of posting."""

    __table_args__ = (
        UniqueConstraint("id"),
        UniqueConstraint("seq"),
        Index("page_post_room", "room", "position"),
        Index("page_post_author", "author"),
        Index("page_post_reply", "reply_to"),
    )

    position: int = Field(primary_key=True)
    id: str
    room: str
    author: str
    author_name: str
    text: str
    posted_at: int
    seq: int
    reply_to: str
    edited: bool
    removed: bool
    file_name: str


class PageFileRow(Row, table=True):
    """The attachment of a post."""

    post: str = Field(primary_key=True)
    content: bytes


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


def _table(name: str) -> Table:
    return SQLModel.metadata.tables[name]


inbox = _table("inbox")
cursor = _table("cursor")
outbox = _table("outbox")
session = _table("session")
turn = _table("turn")
turn_message = _table("turn_message")
feedback = _table("feedback")
known_answer = _table("known_answer")
standard_answer = _table("standard_answer")
member = _table("member")
grant = _table("grant")
room = _table("room")
pairing = _table("pairing")
quota = _table("quota")
spending = _table("spending")
hint = _table("hint")
setting = _table("setting")
audit = _table("audit")
audit_seal = _table("audit_seal")
erasure = _table("erasure")
backup = _table("backup")
page_person = _table("page_person")
page_room = _table("page_room")
page_post = _table("page_post")
page_file = _table("page_file")
change = _table("change")
replica = _table("replica")
metadata = SQLModel.metadata
