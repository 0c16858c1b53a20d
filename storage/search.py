"""Search over the turns that somebody may see: the best first; without terms the latest first.

What is typed is parsed by `query`; whom and where it names is looked up here, for only the database
knows them.
"""

import json
from dataclasses import dataclass

from sqlalchemy import Connection, text

from storage.clock import to_micros
from storage.connection import snapshot
from storage.database import Database
from storage.index import TABLE, mend_index
from storage.query import Query, QueryError
from storage.records import Found
from storage.statement import Statement
from storage.turns import turn_at

_ROOMS = Statement(
    text(
        "SELECT platform || ':' || account || ':' || room, title FROM room"
        " UNION SELECT 'web:page:' || id, name FROM page_room WHERE owner = ''"
    )
)
"""Every room that is nobody's own: what its sessions' keys begin with, and its title."""

_MEMBERS = Statement(text("SELECT person, name FROM member"))
_SESSIONS = Statement(
    text(
        "SELECT key FROM session WHERE key = :room OR (key >= :room || ':' AND key < :room || ';')"
    )
)
_BY_RANK = (
    f"SELECT rowid, -rank FROM {TABLE} WHERE {TABLE} MATCH :match ORDER BY rank LIMIT :at_most"  # noqa: S608 - names of ours
)
_BY_RANK_WHERE = (
    f"SELECT turn.row, -rank FROM {TABLE} CROSS JOIN turn ON turn.row = {TABLE}.rowid"  # noqa: S608 - names of ours
    f" WHERE {TABLE} MATCH :match AND {{}} ORDER BY rank LIMIT :at_most"
)
_LATEST_WHERE = "SELECT turn.row, 0.0 FROM turn WHERE {} ORDER BY turn.row DESC LIMIT :at_most"
_ANY_OF = "turn.{} IN (SELECT value FROM json_each(:{}))"
_OWN_OR_ANY_OF = "(turn.person = :viewer OR turn.session IN (SELECT value FROM json_each(:seen)))"


@dataclass(frozen=True, slots=True)
class Filters:
    """SQL conditions on a turn, and the values of their parameters."""

    conditions: tuple[str, ...]
    values: dict[str, object]


class Search:
    """Every method raises `StorageError` when the database can't do it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def mend(self) -> bool:
        """Build the index anew if rows came into the file without it; was it so?"""
        return await self._db.write(mend_index)

    async def find(self, query: Query, limit: int, viewer: str | None = None) -> list[Found]:
        """The turns that fit best, at most `limit`.

        `viewer` is the person who may see the rooms, and of the direct conversations their own;
        None sees everything. Raises `QueryError` when the query names nobody or no room.
        """
        return await self._db.read(lambda connection: _find(connection, query, limit, viewer))


def _find(connection: Connection, query: Query, limit: int, viewer: str | None) -> list[Found]:
    with snapshot(connection):
        rooms: dict[str, str] = dict(_ROOMS.rows(connection, {}))
        filters = _filters(connection, query, viewer, rooms)
        rows = _rows(connection, query, filters, limit)
        found = [(turn_at(connection, row), score) for row, score in rows]
    return [Found(turn, _title(turn.session, rooms), score) for turn, score in found]


def _rows(
    connection: Connection, query: Query, filters: Filters, limit: int
) -> list[tuple[int, float]]:
    conditions = " AND ".join(filters.conditions)
    if not query.terms:
        sql = _LATEST_WHERE.format(conditions)
    else:
        sql = _BY_RANK_WHERE.format(conditions) if conditions else _BY_RANK
    values = filters.values | {"match": query.match if query.terms else "", "at_most": limit}
    return [(row, score) for row, score in Statement(text(sql)).rows(connection, values)]


def _filters(
    connection: Connection, query: Query, viewer: str | None, rooms: dict[str, str]
) -> Filters:
    conditions: list[str] = []
    values: dict[str, object] = {}
    if viewer is not None:
        conditions.append(_OWN_OR_ANY_OF)
        values |= {"viewer": viewer, "seen": _sessions(connection, list(rooms))}
    if query.people:
        conditions.append(_ANY_OF.format("person", "people"))
        values["people"] = json.dumps(_people(connection, query))
    if query.rooms:
        conditions.append(_ANY_OF.format("session", "sessions"))
        values["sessions"] = _sessions(connection, _named_rooms(query, rooms))
    if query.after:
        conditions.append("turn.created_at >= :after")
        values["after"] = to_micros(query.after)
    if query.before:
        conditions.append("turn.created_at < :before")
        values["before"] = to_micros(query.before)
    return Filters(tuple(conditions), values)


def _people(connection: Connection, query: Query) -> list[str]:
    """The keys of those who are named by key or by the name they were last seen with."""
    known = _MEMBERS.rows(connection, {})
    found: list[str] = []
    for wanted in query.people:
        own = [key for key, name in known if wanted == key or wanted.casefold() == name.casefold()]
        if not own:
            raise QueryError("nobody", wanted)
        found += own
    return found


def _named_rooms(query: Query, rooms: dict[str, str]) -> list[str]:
    """The keys of rooms named by title, and whatever else is a key: a direct conversation's."""
    found: list[str] = []
    for wanted in query.rooms:
        titled = [key for key, title in rooms.items() if title.casefold() == wanted.casefold()]
        if not titled and ":" not in wanted:
            raise QueryError("no_room", wanted)
        found += titled or [wanted]
    return found


def _sessions(connection: Connection, rooms: list[str]) -> str:
    """The sessions of rooms, threads too, as JSON."""
    return json.dumps(
        [key for room in rooms for (key,) in _SESSIONS.rows(connection, {"room": room})]
    )


def _title(session: str, rooms: dict[str, str]) -> str:
    parts = session.split(":")
    keys = (":".join(parts[:length]) for length in range(len(parts), 2, -1))
    return next((rooms[key] or key for key in keys if key in rooms), "")
