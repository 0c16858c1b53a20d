"""Every statement finds its rows by an index, so that a million turns cost what ten do."""

import re
from itertools import chain
from pathlib import Path

import pytest

from storage import audit, inbox, members, outbox, page, roster, schema, turns
from storage.connection import Connector
from storage.pragmas import LOCAL
from storage.statement import Statement

STATEMENTS = {
    f"{module.__name__}.{name}": value
    for module, name, value in chain.from_iterable(
        ((module, *item) for item in vars(module).items())
        for module in (audit, inbox, members, outbox, page, roster, turns)
    )
    if isinstance(value, Statement)
}
ALL_ROWS = {
    "storage.turns._COUNT",  # counts all of them
    "storage.page._PEOPLE",  # lists all of them
    "storage.members._KNOWN",  # lists all of them
    "storage.audit._HEAD",  # the same
    "storage.audit._IS_CHAINED",  # the same
    "storage.audit._SEALS",  # a dozen a year
    "storage.audit._LATEST",  # reads the newest backwards
    "storage.roster._DROP_EXPIRED",  # among a handful
}


@pytest.mark.parametrize("name", sorted(STATEMENTS.keys() - ALL_ROWS))
def test_a_statement_reads_no_more_rows_than_it_needs(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    connection = Connector(path, LOCAL).open()
    schema.prepare(connection, path)
    text = STATEMENTS[name].text
    values = dict.fromkeys(re.findall(r":(\w+)", text))
    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
    steps = [str(step[3]) for step in plan]
    connection.rollback()
    connection.close()
    scans = [step for step in steps if step.startswith("SCAN") and "USING INDEX" not in step]
    assert [step for step in scans if "anon_1" not in step and "json_each" not in step] == []
