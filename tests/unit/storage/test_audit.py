"""Whoever changes the audit without the key is found out, whatever they change."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection

from storage.anchor import Anchor
from storage.audit import Audit
from storage.chain import Chain, Head, Row
from storage.database import Database
from storage.driver import driver
from storage.records import AuditEntry, Corrupt
from storage.threads import detached
from tests.unit.storage.values import KEY, Ticking

ROWS = 40
TRIALS = 250
"""Of each kind of tampering; there are six."""
Tagged = tuple[Row, str]


@pytest.fixture
def audit(db: Database) -> Audit:
    return Audit(db, KEY, clock=Ticking())


async def _fill(audit: Audit, count: int = ROWS) -> None:
    await audit.begin()
    for number in range(count):
        entry = AuditEntry(
            f"fake:bot:p{number % 7}",
            "admin allow",
            f"room {number} 会议",
            '{"mode": "every"}',
            "done" if number % 3 else "denied",
            '{"platform": "fake"}',
        )
        await audit.add(entry)
    await audit.anchor()


def _edit(path: Path, *statements: str) -> None:
    connection = driver.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def _rows(path: Path) -> list[Tagged]:
    connection = driver.connect(path)
    rows = connection.execute("SELECT * FROM audit ORDER BY id").fetchall()
    connection.close()
    return [(row[:-1], row[-1]) for row in rows]


async def test_what_was_not_touched_has_no_faults(audit: Audit) -> None:
    await _fill(audit)
    found = await audit.verify()
    assert (found.rows, found.anchored, found.faults) == (ROWS, ROWS, ())


def _flip(draw: random.Random, rows: list[Tagged]) -> list[Tagged]:
    """One bit of one field of one row, the tag included."""
    at = draw.randrange(len(rows))
    fields: list[object] = [*rows[at][0], rows[at][1]]
    field = draw.randrange(len(fields))
    value = fields[field]
    if isinstance(value, int):
        fields[field] = value ^ 1 << draw.randrange(40)
    else:
        raw = bytearray(str(value).encode() or b"\0")
        raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
        fields[field] = raw.decode("utf-8", "surrogateescape")
    changed = [*rows[:at], (tuple(fields[:-1]), str(fields[-1])), *rows[at + 1 :]]
    return sorted(changed, key=lambda row: int(str(row[0][0])))  # as the table gives them


def _delete(draw: random.Random, rows: list[Tagged]) -> list[Tagged]:
    at = draw.randrange(len(rows))
    return [*rows[:at], *rows[at + draw.randint(1, 5) :]]


def _reorder(draw: random.Random, rows: list[Tagged]) -> list[Tagged]:
    """Two rows change places, with their ids or keeping them."""
    one, other = draw.sample(range(len(rows)), 2)
    changed = list(rows)
    changed[one], changed[other] = rows[other], rows[one]
    if draw.random() < 0.5:
        for at in (one, other):
            changed[at] = ((rows[at][0][0], *changed[at][0][1:]), changed[at][1])
    return changed


def _truncate(draw: random.Random, rows: list[Tagged]) -> list[Tagged]:
    return rows[: draw.randrange(len(rows))]


def _renumber(draw: random.Random, rows: list[Tagged]) -> list[Tagged]:
    """A row goes, and those after it close the gap."""
    at = draw.randrange(len(rows))
    closed = [((int(str(row[0])) - 1, *row[1:]), tag) for row, tag in rows[at + 1 :]]
    return [*rows[:at], *closed]


def _insert(draw: random.Random, rows: list[Tagged]) -> list[Tagged]:
    """A copy of a row is slipped in after the last, as if it had happened again."""
    row, tag = draw.choice(rows)
    return [*rows, ((len(rows) + 1, *row[1:]), tag)]


@pytest.mark.parametrize("tamper", [_flip, _delete, _reorder, _truncate, _renumber, _insert])
async def test_every_tampering_is_found(
    audit: Audit, db: Database, tamper: Callable[[random.Random, list[Tagged]], list[Tagged]]
) -> None:
    await _fill(audit)
    rows = _rows(db.path)
    chain, anchor = Chain(KEY), Head(ROWS, rows[-1][1])
    assert chain.faults(rows, [], anchor) == []
    draw = random.Random(tamper.__name__)
    missed = [
        number
        for number in range(TRIALS)
        if (tampered := tamper(draw, rows)) != rows and not chain.faults(tampered, [], anchor)
    ]
    assert missed == []


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE audit SET outcome = 'done' WHERE id = 1", "row 1 is not what was written"),
        ("DELETE FROM audit WHERE id = 30", "row 31 follows row 29"),
        ("DELETE FROM audit WHERE id > 35", "the last row is 35, the anchor knows row 40"),
        ("DELETE FROM audit", "the last row is 0, the anchor knows row 40"),
        ("UPDATE audit SET tag = ''", "row 1 is not what was written"),
        (
            "INSERT INTO audit_seal VALUES (29, 1, 'x', 'f.jsonl', 'x', 'x')",
            "the seal of f.jsonl is not genuine",
        ),
    ],
)
async def test_what_is_changed_in_the_file_is_named(
    audit: Audit, db: Database, statement: str, fault: str
) -> None:
    await _fill(audit)
    _edit(db.path, statement)
    assert any(fault in each for each in (await audit.verify()).faults)


async def test_tags_that_were_wiped_are_not_made_again(audit: Audit, db: Database) -> None:
    await _fill(audit)
    _edit(db.path, "UPDATE audit SET tag = '', actor = 'nobody'")
    again = Audit(db, KEY)
    await again.begin()
    assert (await again.verify()).faults


async def test_the_anchor_can_not_be_made_without_the_key(audit: Audit, db: Database) -> None:
    await _fill(audit, 3)
    path = db.path.with_suffix(".audit-anchor")
    path.write_text(path.read_text().replace('"id": 3', '"id": 2'))
    with pytest.raises(Corrupt, match="no anchor of this audit"):
        await audit.verify()
    path.unlink()
    assert "there is no anchor" in (await audit.verify()).faults[0]


async def test_the_anchor_follows_where_it_is_asked_to(db: Database, tmp_path: Path) -> None:
    elsewhere = tmp_path / "other disk" / "head"
    audit = Audit(db, KEY, elsewhere)
    await _fill(audit, 5)
    head = Anchor(elsewhere, Chain(KEY)).read()
    assert head is not None
    assert head.id == 5
    assert Anchor(db.path.with_suffix(".audit-anchor"), Chain(KEY)).read() is None


async def test_writers_that_were_left_behind_do_not_take_the_anchor_back(tmp_path: Path) -> None:
    anchor = Anchor(tmp_path / "head", Chain(KEY))
    heads = [Head(number, "tag") for number in range(1, 101)]
    random.Random(0).shuffle(heads)

    await asyncio.gather(*(detached(partial(anchor.write, head)) for head in heads))

    assert anchor.read() == Head(100, "tag")


async def test_rows_from_before_the_chain_are_taken_into_it(db: Database) -> None:
    for number in (1, 2):
        _edit(
            db.path,
            "INSERT INTO audit (id, at, actor, action, target, detail, outcome)"
            f" VALUES ({number}, {number}, 'boss', 'role', 'ann', '{{}}', 'done')",
        )
    audit = Audit(db, KEY)
    await audit.begin()
    await audit.add(AuditEntry("boss", "role"))
    assert (await audit.verify()).faults == ()
    _edit(db.path, "UPDATE audit SET actor = 'ann' WHERE id = 1")
    assert (await audit.verify()).faults


class Calendar:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 15, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def test_months_are_sealed_and_old_rows_leave(db: Database) -> None:
    clock = Calendar()
    audit = Audit(db, KEY, clock=clock)
    await _fill(audit, 10)
    assert await audit.seal(180) == 0
    clock.now = datetime(2026, 2, 3, tzinfo=UTC)
    assert await audit.seal(180) == 10
    assert await audit.seal(180) == 0
    exported = audit.directory / "2026-01-1.jsonl"
    assert exported.read_text().count("\n") == 10
    assert len(_rows(db.path)) == 11
    clock.now += timedelta(days=170)
    await audit.seal(180)
    left = _rows(db.path)
    assert left[0][0][0] == 11
    found = await audit.verify()
    assert (found.exports, found.faults) == (2, ())
    exported.write_text(exported.read_text().replace("admin", "nobody", 1))
    assert "2026-01-1.jsonl: it is not what was exported" in (await audit.verify()).faults[0]
    _edit(db.path, "DELETE FROM audit_seal WHERE last = 10")
    assert "row 11 follows row 0" in (await audit.verify()).faults[0]


async def test_an_export_that_is_not_whole_keeps_its_rows(db: Database) -> None:
    clock = Calendar()
    audit = Audit(db, KEY, clock=clock)
    await _fill(audit, 10)
    clock.now = datetime(2026, 2, 3, tzinfo=UTC)
    await audit.seal(180)
    (audit.directory / "2026-01-1.jsonl").write_text("half")
    clock.now += timedelta(days=400)
    await audit.seal(180)
    assert _rows(db.path)[0][0][0] == 1


async def test_an_entry_is_kept_only_with_its_effect(audit: Audit, db: Database) -> None:
    await audit.begin()
    step = audit.adding(AuditEntry("boss", "erase"))

    def fails(connection: Connection) -> None:
        step(connection, datetime.now(UTC))
        raise ValueError("the effect failed")

    with pytest.raises(ValueError, match="the effect failed"):
        await db.write(fails)
    assert _rows(db.path) == []
