"""A room that goes on under another id takes everything along that names it."""

from sqlalchemy import Connection, text

from storage.records import Place
from storage.statement import Statement

_SESSION = "CASE {0} WHEN :old THEN :new ELSE :new || substr({0}, length(:old) + 1) END"
_IN_ROOM = "({0} = :old OR substr({0}, 1, length(:old) + 1) = :old || ':')"


def _rename(table: str, column: str) -> Statement:
    value, condition = _SESSION.format(column), _IN_ROOM.format(column)
    return Statement(text(f"UPDATE {table} SET {column} = {value} WHERE {condition}"))  # noqa: S608 - names of ours


_RENAMES = [
    _rename(table, column)
    for table, column in (
        ("inbox", "session"),
        ("outbox", "session"),
        ("turn", "session"),
        ("turn_message", "session"),
        ("session", "key"),
    )
]
_JOINED = Statement(
    text(
        f"SELECT old.key, old.last_number, old.floor, new.key FROM session AS old"  # noqa: S608 - names of ours
        f" JOIN session AS new ON new.key = {_SESSION.format('old.key')}"
        f" WHERE {_IN_ROOM.format('old.key')}"
    )
)
_PUT_ASIDE = Statement(text("UPDATE turn SET number = -number WHERE session = :new"))
_PUT_BEHIND = Statement(text("UPDATE turn SET number = :by - number WHERE session = :new"))
_GO_ON = Statement(
    text(
        "UPDATE session SET last_number = last_number + :by,"
        " floor = CASE floor WHEN 0 THEN :floor ELSE floor + :by END WHERE key = :new"
    )
)
_END = Statement(text("DELETE FROM session WHERE key = :old"))
_KNOWN = Statement(text("UPDATE OR REPLACE known_answer SET room = :new WHERE room = :old"))
_HINT = Statement(text("UPDATE OR REPLACE hint SET about = :new WHERE about = :old"))
_OF_ACCOUNT = "platform = :platform AND account = :account"
_ADDRESSES = Statement(
    text(
        "UPDATE outbox SET address = json_set(address, '$.room', :present)"  # noqa: S608 - names of ours
        f" WHERE {_OF_ACCOUNT} AND json_extract(address, '$.room') = :former"
    )
)
_EVENTS = Statement(
    text(
        "UPDATE inbox SET payload = json_set(payload, '$.address.room', :present)"  # noqa: S608 - names of ours
        f" WHERE {_OF_ACCOUNT} AND outcome IS NULL AND payload != ''"
        " AND json_extract(payload, '$.address.room') = :former"
    )
)
_KEEP_ALLOWED = Statement(
    text(
        f"UPDATE room SET allowed = 1 WHERE {_OF_ACCOUNT} AND room = :former AND EXISTS"  # noqa: S608 - names of ours
        f" (SELECT 1 FROM room AS new WHERE new.platform = :platform AND new.account = :account"
        " AND new.room = :present AND new.allowed)"
    )
)
_FORGET_DOUBLE = Statement(
    text(
        f"DELETE FROM room WHERE {_OF_ACCOUNT} AND room = :present AND EXISTS"  # noqa: S608 - names of ours
        f" (SELECT 1 FROM room AS old WHERE old.platform = :platform AND old.account = :account"
        " AND old.room = :former)"
    )
)
_ROOM = Statement(
    text(f"UPDATE room SET room = :present WHERE {_OF_ACCOUNT} AND room = :former")  # noqa: S608 - names of ours
)


def move(connection: Connection, former: Place, present: Place) -> None:
    """Give all that belongs to a room its new id; to be run in a commit of somebody's."""
    keys = {"old": former.key, "new": present.key}
    _join(connection, keys)
    for statement in (*_RENAMES, _KNOWN, _HINT):
        statement.run(connection, keys)
    values = {
        "platform": former.platform,
        "account": former.account,
        "former": former.room,
        "present": present.room,
    }
    for statement in (_ADDRESSES, _EVENTS, _KEEP_ALLOWED, _FORGET_DOUBLE, _ROOM):
        statement.run(connection, values)


def _join(connection: Connection, keys: dict[str, str]) -> None:
    """What was said under the new id already comes after what was said under the old one."""
    for old, last_number, floor, new in _JOINED.rows(connection, keys):
        values = {"old": old, "new": new, "by": last_number, "floor": floor}
        for statement in (_PUT_ASIDE, _PUT_BEHIND, _GO_ON, _END):
            statement.run(connection, values)
