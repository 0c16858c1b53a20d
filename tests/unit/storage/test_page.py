"""The page's people, rooms and posts: kept once, in order, with every change told once."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from storage.database import Database
from storage.inbox import Inbox
from storage.page import Page
from storage.page_records import PagePerson, PageRoom
from tests.unit.storage.values import NOON, event, post

ANN = PagePerson("ann", "Ann", "0" * 64, "en", NOON)
BEN = PagePerson("ben", "Ben", "1" * 64, "zh", NOON)


async def test_people_join_once_and_can_be_renamed(page: Page) -> None:
    await page.join(ANN)
    await page.join(BEN)
    await page.join(replace(ANN, name="Somebody else"))
    assert await page.people() == [ANN, BEN]
    await page.rename("ann", "Anna")
    assert await page.person("ann") == replace(ANN, name="Anna")
    assert await page.person("nobody") is None


async def test_a_person_sees_shared_rooms_and_their_own(page: Page) -> None:
    general, mine, theirs = (
        PageRoom("general", "General"),
        PageRoom("dm-ann", "Parley", "ann"),
        PageRoom("dm-ben", "Parley", "ben"),
    )
    for room in (general, mine, theirs, replace(general, name="Again")):
        await page.add_room(room)
    assert await page.rooms("ann") == [general, mine]
    assert await page.rooms("nobody") == [general]
    assert await page.room("dm-ben") == theirs
    assert await page.room("none") is None


async def test_a_post_is_kept_once_with_a_growing_number(page: Page) -> None:
    first = await page.post(post("p1", "hi"))
    second = await page.post(post("p2"))
    again = await page.post(post("p1", "something else"))
    assert first == replace(post("p1", "hi"), order=first.order, seq=first.seq)
    assert again == first == await page.get("p1")
    assert second.seq > first.seq > 0
    assert await page.get("none") is None


async def test_a_change_is_told_once_and_keeps_the_place(page: Page) -> None:
    first, second = await page.post(post("p1")), await page.post(post("p2"))
    elsewhere = await page.post(post("p3", room="other"))
    revised = await page.revise("p1", "hello")
    assert revised is not None
    assert (revised.text, revised.edited) == ("hello", True)
    assert await page.changes(["r"], second.seq) == [revised]
    assert await page.changes(["r", "other"], 0) == [second, elsewhere, revised]
    assert await page.changes([], 0) == []
    assert await page.history("r", None, 10) == [revised, second]
    assert first.seq not in {each.seq for each in await page.history("r", None, 10)}


async def test_the_same_again_is_no_change(page: Page) -> None:
    first = await page.post(replace(post("p1", "hi"), ratable=True))
    assert first.ratable
    assert await page.revise("p1", "hi", ratable=True) == first
    revised = await page.revise("p1", "hi")
    assert revised is not None
    assert revised.seq > first.seq
    assert not revised.ratable
    assert await page.revise("none", "hi") is None


async def test_a_removed_post_keeps_its_place_and_nothing_else(page: Page) -> None:
    await page.post(replace(post("p1", "hi"), file_name="a.txt"))
    await page.attach("p1", b"content")
    assert await page.attachment("p1") == b"content"
    removed = await page.remove("p1")
    assert removed is not None
    assert (removed.text, removed.file_name, removed.removed) == ("", "", True)
    assert await page.attachment("p1") is None
    assert await page.remove("p1") == removed
    assert await page.revise("p1", "back") is None
    assert await page.history("r", None, 10) == [removed]
    assert await page.remove("none") is None


async def test_history_goes_back_page_by_page_also_past_changed_posts(page: Page) -> None:
    for number in range(10):
        await page.post(post(f"p{number}"))
    shown = await page.history("r", None, 4)
    assert [each.id for each in shown] == ["p6", "p7", "p8", "p9"]
    await page.revise("p6", "changed")
    earlier = await page.history("r", shown[0].order, 4)
    assert [each.id for each in earlier] == ["p2", "p3", "p4", "p5"]
    assert await page.history("r", 1, 4) == []


async def test_an_event_and_its_post_go_into_one_commit(tmp_path: Path) -> None:
    commits: list[int] = []
    async with Database(tmp_path / "a.db", observe=lambda n, _: commits.append(n)) as db:
        await asyncio.gather(Page(db).post(post("p1")), Inbox(db).record([event("p1")]))
    assert commits == [2]


async def test_forgetting_empties_posts_replies_and_the_own_room(page: Page) -> None:
    await page.add_room(PageRoom("dm-ann", "Parley", "ann"))
    await page.post(post("question", "secret?"))
    await page.post(post("reply", "secret!", author="", reply_to="question"))
    await page.post(post("direct", "secret.", author="", room="dm-ann"))
    await page.post(post("ben's", "hello", author="ben"))
    await page.post(post("to ben", "hello Ben", author="", reply_to="ben's"))
    last = max(each.seq for each in await page.changes(["r", "dm-ann"], 0))
    assert await page.forget("ann") == 3
    changed = await page.changes(["r", "dm-ann"], last)
    assert {each.id for each in changed} == {"question", "reply", "direct"}
    assert {(each.text, each.author_name, each.removed) for each in changed} == {("", "", True)}
    assert [each.text for each in await page.history("r", None, 10)] == [
        "",
        "",
        "hello",
        "hello Ben",
    ]
    assert await page.forget("ann") == 0


@pytest.mark.parametrize("person", ["ann", "nobody"])
async def test_an_export_names_the_persons_posts(page: Page, person: str) -> None:
    await page.join(ANN)
    await page.post(post("p1", "hi"))
    await page.post(post("p2", "hello", author="ben"))
    export = await page.export(person)
    posts = export["posts"]
    assert isinstance(posts, list)
    assert [each["text"] for each in posts] == (["hi"] if person == "ann" else [])  # type: ignore[reportUnknownVariableType]
    assert (export["person"] is None) == (person == "nobody")
