"""Erasure: all that is kept of one person, kind by kind.

`ERASERS` is the one registry: every table is named in it, or in `KEPT` with the reason why it holds
nothing that would have to go. A test walks all tables, so that none is forgotten.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Connection,
    String,
    Table,
    bindparam,
    delete,
    func,
    literal_column,
    or_,
    select,
    union,
    update,
)

from storage import page_tables, tables
from storage.clock import to_micros
from storage.index import remove_from_index
from storage.outbox import REMOVAL
from storage.page import empty_posts
from storage.records import Outcome
from storage.statement import Statement
from storage.tables import (
    UNDELIVERED,
    feedback,
    grant,
    hint,
    inbox,
    member,
    outbox,
    quota,
    session,
    spending,
    turn,
)

BLOCKED = "blocked"
"""The role that erasing leaves, for else it would let somebody in again."""

PAGE = "web:page:"
"""Begins the keys of people on our own page, whose posts are kept here too."""

Key = Mapping[str, object]
"""`person`, and `at`, the moment in microseconds."""

_PERSON = bindparam("person", type_=String())
_NOBODY = literal_column("''", String())

_SESSIONS = Statement(
    union(
        select(turn.c.session).where(turn.c.person == _PERSON),
        select(outbox.c.session).where(outbox.c.person == _PERSON),
    )
)
_RATINGS = Statement(
    delete(feedback).where(
        or_(
            feedback.c.person == _PERSON,
            feedback.c.turn.in_(select(turn.c.row).where(turn.c.person == _PERSON)),
        )
    )
)
_ROWS = Statement(select(turn.c.row).where(turn.c.person == _PERSON))
_TURNS = Statement(delete(turn).where(turn.c.person == _PERSON))
_SESSION = Statement(
    delete(session).where(
        session.c.key == bindparam("session"),
        ~select(turn.c.row).where(turn.c.session == session.c.key).exists(),
    )
)
_EVENTS = Statement(
    update(inbox)
    .where(inbox.c.person == _PERSON)
    .values(
        payload="",
        person=_NOBODY,
        session=_NOBODY,
        outcome=func.coalesce(inbox.c.outcome, Outcome.DONE.value),
        finished_at=func.coalesce(inbox.c.finished_at, bindparam("at")),
    )
)
_TAKE_BACK = Statement(
    update(outbox)
    .where(outbox.c.person == _PERSON, outbox.c.remote_id.is_not(None), UNDELIVERED)
    .values(REMOVAL | {"person": _NOBODY, "session": _NOBODY})
)
_PARTS = Statement(delete(outbox).where(outbox.c.person == _PERSON))
_MEMBER = Statement(delete(member).where(member.c.person == _PERSON))
_GRANT = Statement(delete(grant).where(grant.c.person == _PERSON, grant.c.role != BLOCKED))
_QUOTA = Statement(delete(quota).where(quota.c.person == _PERSON))
_SPENDING = Statement(delete(spending).where(spending.c.person == _PERSON))
_HINT = Statement(delete(hint).where(hint.c.about == _PERSON))


def _turns(connection: Connection, key: Key) -> int:
    """With their messages, words in the index, and what is kept of them for who asks the same."""
    sessions = _SESSIONS.rows(connection, key)
    remove_from_index(connection, [row for (row,) in _ROWS.rows(connection, key)])
    count = _TURNS.run(connection, key)
    _SESSION.run_each(connection, [{"session": each} for (each,) in sessions])
    return count


def _answers(connection: Connection, key: Key) -> int:
    """What stands half-delivered on a platform is to be removed there."""
    return _TAKE_BACK.run(connection, key) + _PARTS.run(connection, key)


def _posts(connection: Connection, key: Key) -> int:
    person = str(key["person"])
    return empty_posts(connection, person.removeprefix(PAGE)) if person.startswith(PAGE) else 0


@dataclass(frozen=True, slots=True)
class Eraser:
    """Erases one kind of thing from the tables that hold it; `run` gives how many there were."""

    kind: str
    tables: tuple[Table, ...]
    run: Callable[[Connection, Key], int]


ERASERS = (
    Eraser("feedback", (feedback,), _RATINGS.run),
    Eraser("turns", (turn, tables.turn_message, tables.known_answer, session), _turns),
    Eraser("answers", (outbox,), _answers),
    Eraser("messages", (inbox,), _EVENTS.run),
    Eraser("posts", (page_tables.page_post, page_tables.page_file), _posts),
    Eraser("names", (member,), _MEMBER.run),
    Eraser("roles", (grant,), _GRANT.run),
    Eraser("quotas", (quota,), _QUOTA.run),
    Eraser("days", (spending,), _SPENDING.run),
    Eraser("hints", (hint,), _HINT.run),
)
"""In order: what is found by its turn goes before the turn."""

KEPT: Mapping[str, str] = {
    "audit": "that something was done, by whom and when, and never what was said",
    "audit_seal": "runs of audit rows",
    "backup": "names of backups, which tell when each was taken",
    "change": "in a working file, the keys of rows that changed, until they are copied",
    "cursor": "where a platform's stream stands",
    "erasure": "the receipt; it names the person until no backup holds them any more",
    "former_path": "where the database was before",
    "lease": "which machine the bot runs on",
    "lease_term": "which machines it ran on",
    "page_person": "the account on the page, which goes on",
    "page_room": "rooms of the page",
    "pairing": "codes that nobody used yet",
    "replica": "how far a copy is",
    "room": "rooms, which are nobody's own",
    "setting": "what administrators set for everybody",
    "standard_answer": "what administrators wrote for everybody",
}


def sessions_of(connection: Connection, person: str) -> tuple[str, ...]:
    """The conversations in which something of a person stands."""
    return tuple(str(row[0]) for row in _SESSIONS.rows(connection, {"person": person}))


def erase(connection: Connection, person: str, now: datetime) -> dict[str, int]:
    """Erase everything, in a commit of somebody's; how much of each kind there was.

    Inbox events keep their ids and digests, so that a redelivery is not answered again.
    """
    key = {"person": person, "at": to_micros(now)}
    return {eraser.kind: eraser.run(connection, key) for eraser in ERASERS}
