"""The index of what was said, one entry a turn, kept by the same commits that keep the turns.

FTS5 without a content of its own: only words and their places are in it. It is told what an entry
held when that goes, and takes the words out of its pages at once (`secure-delete`), so that what
was erased is not left there either. `search` asks it; the rows come from `turns`.
SQLite: FTS5, “Contentless Tables”, “The 'delete' Command”, “The 'secure-delete' Option”.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, text

from storage.statement import Statement
from storage.words import indexed

TABLE = "turn_index"

CREATE = (
    f"CREATE VIRTUAL TABLE {TABLE} USING fts5(question, answer, content='', tokenize='ascii')",
    f"INSERT INTO {TABLE}({TABLE}, rank) VALUES ('secure-delete', 1)",  # noqa: S608 - a name of ours
)
"""Makes an empty index. The tokenizer only parts at spaces: `words` has done the rest."""

ROWS_A_STEP = 1000
"""Turns that are taken up at once when an index is built for what is there already."""

_ADD = Statement(
    text(f"INSERT INTO {TABLE}(rowid, question, answer) VALUES (:row, :question, :answer)")  # noqa: S608 - a name of ours
)
_REMOVE = Statement(
    text(
        f"INSERT INTO {TABLE}({TABLE}, rowid, question, answer)"  # noqa: S608 - a name of ours
        " VALUES ('delete', :row, :question, :answer)"
    )
)
_DIFFERS = Statement(
    text(f"SELECT (SELECT count(*) FROM turn) != (SELECT count(*) FROM {TABLE}_docsize)")  # noqa: S608 - a name of ours
)
_EMPTY = Statement(text(f"INSERT INTO {TABLE}({TABLE}) VALUES ('delete-all')"))  # noqa: S608 - a name of ours
_QUESTION = (
    "coalesce((SELECT group_concat(text, char(10) ORDER BY position) FROM turn_message"
    " WHERE turn_message.turn = turn.row), '')"
)
_SAID = Statement(text(f"SELECT row, {_QUESTION}, answer FROM turn WHERE row = :row"))  # noqa: S608 - a name of ours
_SAID_NEXT = Statement(
    text(
        f"SELECT row, {_QUESTION}, answer FROM turn WHERE row > :after ORDER BY row"  # noqa: S608 - a name of ours
        f" LIMIT {ROWS_A_STEP}"
    )
)


def add_to_index(connection: Connection, rows: Sequence[int]) -> None:
    """Take up turns as they stand."""
    _ADD.run_each(connection, list(_entries(connection, rows)))


def remove_from_index(connection: Connection, rows: Sequence[int]) -> None:
    """Take turns out: to be called while they still stand as they were taken up."""
    _REMOVE.run_each(connection, list(_entries(connection, rows)))


def build_index(connection: Connection) -> None:
    """Take up every turn, in bounded steps."""
    after = 0
    while rows := _SAID_NEXT.rows(connection, {"after": after}):
        _ADD.run_each(connection, [_entry(*row) for row in rows])
        after = rows[-1][0]


def empty_index(connection: Connection) -> None:
    """Take out everything, as in a file that is only a copy: its turns come without their words."""
    connection.exec_driver_sql(f"INSERT INTO {TABLE}({TABLE}) VALUES ('delete-all')")  # noqa: S608 - a name of ours


def lacks_index(connection: Connection) -> bool:
    """Whether there are turns and none of them was taken up."""
    query = f"SELECT EXISTS (SELECT 1 FROM turn) AND NOT EXISTS (SELECT 1 FROM {TABLE}_docsize)"  # noqa: S608 - a name of ours
    return bool(connection.exec_driver_sql(query).scalar_one())


def mend_index(connection: Connection) -> bool:
    """Build the index anew if it does not hold as many entries as there are turns; was it so?

    That happens when a file was made from rows alone.
    """
    if not _DIFFERS.value(connection, {}):
        return False
    _EMPTY.run(connection, {})
    build_index(connection)
    return True


def _entries(connection: Connection, rows: Sequence[int]) -> Iterator[dict[str, object]]:
    for row in rows:
        said = _SAID.row(connection, {"row": row})
        if said is not None:
            yield _entry(*said)


def _entry(row: int, question: str, answer: str) -> dict[str, object]:
    return {"row": row, "question": indexed(question), "answer": indexed(answer)}
