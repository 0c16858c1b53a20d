"""What stands in open tabs: what was missed, history, and an answer that grows."""

import asyncio
from contextlib import suppress

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from adapters.base import Rejected
from adapters.markup import render
from adapters.web.store import Room
from tests.clients.page import Tab
from tests.unit.adapters.page_stage import NOW, Page, post_of, room_of


async def test_a_tab_that_missed_much_begins_anew(page: Page) -> None:
    async with page.tab("Ann") as ann:
        direct = ann.direct
        await page.say(direct, "first", "first.0")
        await ann.until(lambda: ann.seq > 0)
    for number in range(300):
        await page.store.post(post_of(direct, f"missed-{number}.0"))
    async with ann.present():
        await ann.until(lambda: any(frame["is"] == "stale" for frame in ann.frames))
        assert len(ann.posts) == 1


async def test_a_tab_that_missed_a_little_gets_it(page: Page) -> None:
    async with page.tab("Ann") as ann:
        direct = ann.direct
        await page.say(direct, "first", "first.0")
        await ann.until(lambda: ann.seq > 0)
    await page.store.post(post_of(direct, "missed.0"))
    await page.store.remove("first.0")
    async with ann.present():
        await ann.until(lambda: "missed.0" in ann.posts and ann.posts["first.0"]["removed"])


async def test_history_comes_in_pages(page: Page) -> None:
    async with page.tab("Ann") as ann:
        for number in range(70):
            await page.store.post(post_of(ann.direct, f"post-{number:02}.0"))
        await ann.ask("history", room=ann.direct, before=None)
        await ann.until(lambda: len(ann.posts) == 50)
        oldest = min(post["order"] for post in ann.posts.values())
        await ann.ask("history", room=ann.direct, before=oldest)
        await ann.until(lambda: len(ann.posts) == 70)
        assert [f["more"] for f in ann.frames if f["is"] == "history"] == [True, False]
        assert min(ann.posts) == "post-00.0"


async def test_a_growing_answer_reaches_tabs_that_come_later(page: Page) -> None:
    async with page.tab("Ann") as ann:
        preview = await page.adapter.open_stream(page.address(ann.direct), "answer.0")
        await preview.wait(2, 3.5)
        await preview.show("one\n\ntwo\n\nthr")
        await preview.show("one\n\ntwo\n\nthree")
        await ann.until(lambda: shown_by(ann)[-1:] == ["<p>three</p>\n"])
        late = Tab(ann.link, "Ann", id=ann.id)
        late.cookies = ann.cookies
        async with late.present():
            await late.until(lambda: shown_by(late))
            assert shown_by(late) == [f"<p>{word}</p>\n" for word in ("one", "two", "three")]
            await page.say(late.direct, "one\n\ntwo\n\nthree", "answer.0")
            await late.until(lambda: "answer.0" in late.posts)
            await preview.show("too late")
            await preview.close()
            said = await late.say(late.direct, "marker")
            await late.until(lambda: said in late.posts)
            assert "too late" not in "".join(shown_by(late))
        waits = [frame["wait"] for frame in ann.frames if "wait" in frame]
        assert waits == [{"place": 2, "eta_s": 3.5}]


async def test_a_preview_without_a_post_goes_away(page: Page) -> None:
    async with page.tab("Ann") as ann:
        preview = await page.adapter.open_stream(page.address(ann.direct), "answer.0")
        await ann.until(lambda: ann.frames[-1].get("blocks") == [])  # the bot writes
        await preview.close()
        await ann.until(lambda: ann.frames[-1].get("gone"))


def shown_by(tab: Tab) -> list[str]:
    """The blocks of the growing answer as the tab has them."""
    blocks: list[str] = []
    for frame in tab.frames:
        if frame["is"] == "preview" and "blocks" in frame:
            blocks[frame["from"] :] = frame["blocks"]
    return blocks


async def test_frames_of_a_growing_answer_are_few_and_small(page: Page) -> None:
    async with page.tab("Ann") as ann:
        preview = await page.adapter.open_stream(page.address(ann.direct), "answer.0")
        text = ""
        for number in range(400):
            text += f"word{number} " + ("\n\n" if number % 20 == 19 else "")
            await preview.show(text)
        await ann.until(lambda: "word399" in "".join(shown_by(ann)))
        frames = [f for f in ann.frames if f["is"] == "preview"]
        assert len(frames) < 200  # by time: one each 50 ms, however long 400 words take
        assert "".join(shown_by(ann)).count("<p>") == 20


async def test_a_reader_who_is_too_slow_is_given_up(page: Page) -> None:
    async with page.tab("Ann") as ann:
        cookie = "; ".join(f"{name}={value}" for name, value in ann.cookies.items())
        live = f"{ann.base.replace('http', 'ws', 1)}/page/live?as={ann.id}"
        async with connect(live, additional_headers={"cookie": cookie}, max_queue=1) as slow:
            await slow.recv()
            for number in range(800):
                page.adapter.board.show_room(Room(f"room-{number}", "x" * 20_000))
            frames = 0
            with suppress(ConnectionClosed):
                async for _ in slow:
                    frames += 1
            assert frames < 800
            assert slow.close_code == 4008
        said = await ann.say(ann.direct, "still here")
        await ann.until(lambda: said in ann.posts)


async def test_the_bot_s_typing_is_shown_in_its_room_only(page: Page) -> None:
    async with page.tab("Ann") as ann, page.tab("Bob") as bob:
        await page.adapter.typing(page.address(ann.direct))
        await ann.until(lambda: ann.frames[-1] == {"is": "typing", "room": ann.direct})
        said = await bob.say(bob.direct, "marker")
        await bob.until(lambda: said in bob.posts)
        assert not [frame for frame in bob.frames if frame["is"] == "typing"]


async def test_forgetting_empties_open_tabs(page: Page) -> None:
    async with page.tab("Ann") as ann, page.tab("Bob") as bob:
        room = await room_of(ann)
        said = await ann.say(room, "my canary")
        await bob.until(lambda: said in bob.posts)
        assert await page.adapter.export(ann.id) == ["my canary"]
        assert await page.adapter.forget(ann.id) == 1
        await bob.until(lambda: bob.posts[said]["removed"] and not bob.posts[said]["text"])


async def test_forgetting_right_after_a_start_empties_open_tabs(page: Page) -> None:
    async with page.tab("Ann") as ann:
        await page.store.post(post_of(ann.direct, "old.0"))
        await page.adapter.forget(ann.id)
        await ann.until(lambda: ann.frames[-1] == {"is": "stale"})


async def test_sending_twice_under_a_key_posts_once(page: Page) -> None:
    async with page.tab("Ann") as ann:
        await page.say(ann.direct, "first", "answer.0")
        await page.say(ann.direct, "second", "answer.0")
        found = await page.adapter.find(page.address(ann.direct), "answer.0", NOW)
        assert found
        await page.adapter.edit(found, render("third", "html"), "answer.0.1")
        await ann.until(lambda: ann.shown(ann.direct) == ["third"])
        await page.adapter.delete(found)
        await page.adapter.delete(found)
        await ann.until(lambda: ann.shown(ann.direct) == [])
        with pytest.raises(Rejected):
            await page.adapter.edit(found, render("fourth", "html"), "answer.0.2")
        with pytest.raises(Rejected):
            await page.say("no-such-room", "x", "answer.1")


async def test_a_tab_that_is_cancelled_twice_is_gone(page: Page) -> None:
    async with page.tab("Ann") as ann:
        cookie = "; ".join(f"{name}={value}" for name, value in ann.cookies.items())
    while page.adapter.hub.is_online(ann.id):
        await asyncio.sleep(0)
    before = asyncio.all_tasks()
    live = f"{ann.base.replace('http', 'ws', 1)}/page/live?as={ann.id}"
    async with connect(live, additional_headers={"cookie": cookie}) as tab:
        await tab.recv()
        new = asyncio.all_tasks() - before
        [serving] = [each for each in new if "run_asgi" in str(each.get_coro())]
        serving.cancel()
        await asyncio.sleep(0)
        serving.cancel()
        await asyncio.wait({serving})
        assert not page.adapter.hub.is_online(ann.id)
