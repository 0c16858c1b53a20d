"""No table is forgotten by erasure, and none of them holds anything of the person afterwards."""

from datetime import timedelta

from sqlalchemy import Column, Connection, MetaData, String, Table, select

from storage import receipts
from storage.audit import Audit
from storage.database import Database
from storage.erasure import ERASERS, KEPT
from storage.inbox import Inbox
from storage.known import Known, keeping
from storage.members import Members
from storage.outbox import Outbox
from storage.page import Page
from storage.records import AuditEntry, Body, Place, Quota, RoomState, Spent
from storage.roster import RosterStore, hinting, spending_of
from storage.tables import metadata
from storage.turns import Turns
from tests.unit.storage.values import KEY, NOON, destination, event, post, turn

ANN = "web:page:ann"
CANARY = "canary-90ab"


def unnamed(tables: MetaData) -> set[str]:
    """The tables that erasure does not know."""
    erased = {table.name for eraser in ERASERS for table in eraser.tables}
    return tables.tables.keys() - erased - KEPT.keys()


def test_every_table_is_erased_from_or_said_to_hold_nothing() -> None:
    assert unnamed(metadata) == set()
    assert not {table.name for eraser in ERASERS for table in eraser.tables} & KEPT.keys()


def test_a_later_table_is_noticed() -> None:
    later = MetaData()
    Table("diary", later, Column("person", String, primary_key=True))
    assert unnamed(later) == {"diary"}


async def test_no_row_of_any_table_holds_anything_of_the_person(db: Database, page: Page) -> None:
    await fill(db, page)
    full = await holders(db)
    assert full.keys() >= {t.name for eraser in ERASERS for t in eraser.tables} - {"session"}
    erased = await Members(db).forget(ANN)
    assert set(erased.receipt.counts) == {eraser.kind for eraser in ERASERS}
    assert all(erased.receipt.counts.values()), erased.receipt.counts
    assert (await holders(db)).keys() <= KEPT.keys()
    assert (await holders(db)).keys() == {"audit", "erasure"}
    store = receipts.Receipts(db)
    await store.close(await store.open(), NOON, [])
    assert (await holders(db)).keys() == {"audit"}


async def fill(db: Database, page: Page) -> None:
    """Something of Ann's in every table that can hold it."""
    turns, inbox, outbox = Turns(db), Inbox(db), Outbox(db)
    roster = RosterStore(db, Audit(db, KEY))
    await inbox.record([event(payload=CANARY, person=ANN)])
    await Members(db).seen(ANN, "page", CANARY, "en")
    room = Place("page", "bot", "r")
    entry = AuditEntry("boss", "test", ANN)
    await roster.commit(
        [
            roster.placing(RoomState(room, keeps_answers=True), [entry]),
            roster.giving(ANN, "member", entry),
            roster.bounding(ANN, Quota(1, 1), entry),
            hinting(ANN, NOON),
            spending_of(ANN, NOON.date().isoformat(), Spent(1, 1)),
        ]
    )
    kept = keeping("t1", room.key, "k", timedelta(days=9999), 9)
    said = turn("t1", CANARY, session=room.key, person=ANN, answer=CANARY)
    await turns.commit(said, destination(ANN), [Body(0, CANARY)], also=[kept])
    assert await Known(db).find(room.key, "k", timedelta(days=9999))
    await turns.rate("t1", ANN, 1)
    await outbox.open("t2", 0, destination(ANN))
    await page.post(post("p1", CANARY, author="ann"))
    await page.attach("p1", CANARY.encode())


async def holders(db: Database) -> dict[str, str]:
    """The tables that hold the canary, the person's key, or a row of the turn with the canary."""

    def look(connection: Connection) -> dict[str, str]:
        found: dict[str, str] = {}
        for table in metadata.sorted_tables:
            shown = repr(connection.execute(select(table)).all())
            if CANARY in shown or ANN in shown or (table.name == "known_answer" and "'k'" in shown):
                found[table.name] = shown
        connection.rollback()
        return found

    return await db.read(look)
