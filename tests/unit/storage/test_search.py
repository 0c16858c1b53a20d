"""What was said is found by those who may see it, and by nobody once it is gone."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import migrations, schema
from storage.audit import Audit
from storage.connection import Connector
from storage.database import Database
from storage.index import TABLE
from storage.members import Members
from storage.pragmas import LOCAL
from storage.query import QueryError, parse
from storage.records import Place, RoomState
from storage.roster import RosterStore
from storage.search import Search
from storage.turns import Turns
from storage.words import words
from tests.unit.storage.values import KEY, NOON, turn

ROOM = Place("fake", "bot", "sales")


@pytest.fixture
def search(db: Database) -> Search:
    return Search(db)


@pytest.fixture
async def talk(db: Database, turns: Turns, members: Members) -> None:
    """Ann and Ben in the sales room and its thread; Ann also alone."""
    roster = RosterStore(db, Audit(db, KEY))
    await roster.commit([roster.placing(RoomState(ROOM, "Sales Team", allowed=True))])
    for person in ("ann", "ben"):
        await members.seen(person, "fake", person.title(), "")
    said = [
        ("t1", "fake:bot:sales", "ann", "When is the budget due?", "The budget is due on Friday."),
        ("t2", "fake:bot:sales:7", "ben", "明天有会议吗？", "会议在十点开始。"),
        ("t3", "fake:bot:ann", "ann", "My secret budget plan", "A café visit instead."),
        ("t4", "fake:bot:sales", "ben", "人会多吗，议题是什么", "no meeting, a draft budget"),
    ]
    for number, (key, session, person, question, answer) in enumerate(said):
        value = turn(key, question, session=session, person=person, answer=answer)
        await turns.commit(replace(value, created_at=NOON + timedelta(days=number)))


async def _found(search: Search, text: str, viewer: str | None = None) -> set[str]:
    return {each.turn.id for each in await search.find(parse(text), 10, viewer)}


@pytest.mark.usefixtures("talk")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("budget", {"t1", "t3", "t4"}),
        ("BUDGET friday", {"t1"}),
        ("when friday", {"t1"}),
        ('"budget is"', {"t1"}),
        ('"due budget"', set[str]()),
        ("budget -draft", {"t1", "t3"}),
        ("会议", {"t2"}),
        ("议题", {"t4"}),
        ("cafe", {"t3"}),
        ("budget from:Ann", {"t1", "t3"}),
        ('budget from:ann in:"sales team"', {"t1"}),
        ('budget in:"sales team"', {"t1", "t4"}),
        ("会议 in:fake:bot:sales", {"t2"}),
        ("in:fake:bot:ann", {"t3"}),
        ("from:ben", {"t2", "t4"}),
        ("budget after:2026-01-03", {"t3", "t4"}),
        ("budget before:2026-01-02", {"t1"}),
        ("nowhere", set[str]()),
    ],
)
async def test_found(search: Search, text: str, expected: set[str]) -> None:
    assert await _found(search, text) == expected


@pytest.mark.usefixtures("talk")
async def test_who_does_not_own_the_bot_sees_rooms_and_their_own(search: Search) -> None:
    assert await _found(search, "budget", "ann") == {"t1", "t3", "t4"}
    assert await _found(search, "budget", "ben") == {"t1", "t4"}
    assert await _found(search, "in:fake:bot:ann budget", "ben") == set()


@pytest.mark.usefixtures("talk")
@pytest.mark.parametrize(
    ("text", "fault"), [("from:carl", "nobody"), ("in:kitchen budget", "no_room")]
)
async def test_who_and_where_must_be_known(search: Search, text: str, fault: str) -> None:
    with pytest.raises(QueryError) as caught:
        await search.find(parse(text), 10)
    assert caught.value.fault == fault


@pytest.mark.usefixtures("talk")
async def test_the_best_comes_first_and_says_its_room(search: Search) -> None:
    found = await search.find(parse("budget"), 10)
    assert [each.turn.id for each in found] == ["t1", "t3", "t4"]
    assert [each.room for each in found] == ["Sales Team", "", "Sales Team"]
    assert found[0].score > found[1].score > 0
    assert [each.turn.id for each in await search.find(parse("from:ben"), 1)] == ["t4"]


@pytest.mark.usefixtures("talk")
async def test_what_changes_is_found_as_it_is_now(search: Search, turns: Turns) -> None:
    await turns.edit_message("fake:bot:sales", "t1-m1", "When is the forecast due?")
    assert await _found(search, "forecast") == {"t1"}
    assert await _found(search, "when budget") == {"t1"}
    again = turn("t1", "other", session="fake:bot:sales", answer="anew")
    await turns.commit(again)
    assert await _found(search, "other anew") == {"t1"}
    assert await _found(search, "forecast") == set()
    await turns.remove_message("fake:bot:sales", "t1-m1")
    assert await _found(search, "anew") == set()


async def test_a_message_taken_out_of_a_question_is_not_found(search: Search, turns: Turns) -> None:
    await turns.commit(turn("t1", "first", "second"))
    await turns.remove_message("s-ann", "t1-m1")
    assert await _found(search, "first") == set()
    assert await _found(search, "second answer") == {"t1"}


@pytest.mark.usefixtures("talk")
async def test_who_is_forgotten_is_not_found(
    db: Database, search: Search, members: Members
) -> None:
    await members.forget("ann")
    assert await _found(search, "budget") == {"t4"}
    held = await db.read(
        lambda connection: connection.exec_driver_sql(f"SELECT count(*) FROM {TABLE}").scalar()
    )
    assert held == 2


async def test_an_older_file_is_indexed_when_it_is_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    connection = Connector(path, LOCAL).open()
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    migrations.upgrade(connection, "0003")
    connection.exec_driver_sql(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    for row in range(1, 2502):
        connection.exec_driver_sql(
            "INSERT INTO turn VALUES (?, ?, 's', ?, 'ann', 'Ann', ?, 5, 0, '', '', '', '{}')",
            (row, f"t{row}", row, f"answer{row} 会议"),
        )
        connection.exec_driver_sql(
            "INSERT INTO turn_message VALUES (NULL, ?, 0, 's', ?, 'A question.')", (row, f"m{row}")
        )
    connection.commit()
    connection.close()
    async with Database(path) as db:
        for row in (1, 1000, 1001, 2501):
            assert await _found(Search(db), f"question answer{row}") == {f"t{row}"}
        assert len(await Search(db).find(parse("会议"), 5000)) == 2501
        await Members(db).forget("ann")
        assert await _found(Search(db), "会议") == set()


@pytest.mark.usefixtures("talk")
async def test_rows_that_came_without_the_index_are_taken_up(db: Database, search: Search) -> None:
    assert not await search.mend()
    empty = f"INSERT INTO {TABLE}({TABLE}) VALUES ('delete-all')"
    await db.write(lambda connection: connection.exec_driver_sql(empty))
    assert await _found(search, "budget") == set()
    assert await search.mend()
    assert await _found(search, "budget") == {"t1", "t3", "t4"}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=4), drop=st.integers(0, 3))
async def test_any_text_is_found_by_its_words_until_it_goes(
    db: Database, turns: Turns, search: Search, texts: list[str], drop: int
) -> None:
    ids = [f"h{number}" for number in range(len(texts))]
    for each, said in zip(ids, texts, strict=True):
        await turns.commit(turn(each, said, session="h", person="hal"))
    await turns.remove_message("h", f"h{drop % len(texts)}-m1")
    for number, said in enumerate(texts):
        terms = [word.folded for word in words(said)]
        if terms:
            found = await _found(search, '"' + " ".join(terms) + '"')
            assert (ids[number] in found) == (number != drop % len(texts))
    await Members(db).forget("hal")
