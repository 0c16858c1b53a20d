"""Who gets in: links, cookies, names, files and places that are somebody else's."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from adapters.base import Cursor, MessageEvent, Rejected
from adapters.web.adapter import PageSettings, WebAdapter
from tests.unit.adapters.page_stage import TOKEN, Page, commands, notice
from tests.unit.adapters.page_store import MemoryStore


async def test_files_are_for_those_who_see_the_room(page: Page) -> None:
    async with page.tab("Ann") as ann, page.tab("Bob") as bob:
        name = 'a "report"\r\nx: y.html'
        ref = await page.adapter.send_file(page.address(ann.direct), name, b"<b>", "file.0")
        await ann.until(lambda: ref.remote_id in ann.posts)
        path = f"{page.base}/page/files/{ref.remote_id}"
        async with httpx.AsyncClient(timeout=60, cookies=ann.cookies) as http:
            response = await http.get(path)
            assert response.content == b"<b>"
            assert response.headers["content-type"] == "application/octet-stream"
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["content-disposition"].startswith("attachment; filename*=")
            assert "x" not in response.headers
            for path_of in ("../../adapter.py", "%2e%2e%2fadapter.py", "none", "file.0%00"):
                assert (await http.get(f"{page.base}/page/files/{path_of}")).status_code == 404
        async with httpx.AsyncClient(timeout=60, cookies=bob.cookies) as http:
            assert (await http.get(path)).status_code == 404
        with pytest.raises(Rejected):
            await page.adapter.send_file(page.address(ann.direct), "x", b"0" * 50_000_001, "f.1")


async def test_nobody_takes_a_place_that_is_not_theirs(page: Page) -> None:
    async with page.tab("Ann") as ann, page.tab("Eve") as eve:
        said = await ann.say(ann.direct, "mine")
        await ann.until(lambda: said in ann.posts)
        await eve.ask("say", id=said, room=eve.direct, text="no, mine", reply_to="")
        await eve.ask("create", id="direct-somebody", name="trap")
        await eve.ask("say", id="answer.0", room=eve.direct, text="as the bot", reply_to="")
        await eve.until(lambda: len(eve.refused) == 3)
        assert page.store.posts[said].text == "mine"
        assert "direct-somebody" not in page.store.places
        assert eve.posts == {}


async def test_the_link_becomes_a_cookie(page: Page) -> None:
    async with httpx.AsyncClient(timeout=60, base_url=page.base) as http:
        refused = await http.get("/?token=wrong")
        assert refused.status_code == 403
        assert "parley run" in refused.text
        entered = await http.get(f"/?token={TOKEN}")
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        cookie = entered.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert TOKEN not in cookie
        shown = await http.get("/")
        assert shown.status_code == 200
        policy = shown.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy


@pytest.mark.parametrize(
    "cookies", [{}, {"parley_browser": "guess"}, {"parley_browser": TOKEN}], ids=str
)
async def test_without_the_browser_s_cookie_nothing_opens(
    page: Page, cookies: dict[str, str]
) -> None:
    async with httpx.AsyncClient(timeout=60, base_url=page.base, cookies=cookies) as http:
        assert (await http.get("/")).status_code == 403
        assert (await http.get("/page/me")).status_code == 403
        assert (await http.post("/page/join", json={"name": "Eve"})).status_code == 403


async def test_a_foreign_cookie_opens_nobody_s_tab(page: Page) -> None:
    async with page.tab("Ann") as ann, page.tab("Eve") as eve:
        mine = eve.cookies[f"parley_person_{eve.id}"]
        browser = eve.cookies["parley_browser"]
        for cookie in (
            f"parley_browser={browser}; parley_person_{ann.id}={mine}",
            f"parley_browser=x; parley_person_{ann.id}={ann.cookies[f'parley_person_{ann.id}']}",
            f"parley_browser={browser}",
        ):
            live = f"{page.base.replace('http', 'ws', 1)}/page/live?as={ann.id}"
            async with connect(live, additional_headers={"cookie": cookie}) as socket:
                with pytest.raises(ConnectionClosed) as closed:
                    await socket.recv()
                assert closed.value.rcvd
                assert closed.value.rcvd.code == 4001


async def test_one_browser_may_hold_several_people(page: Page) -> None:
    async with httpx.AsyncClient(timeout=60, base_url=page.base) as http:
        await http.get(f"/?token={TOKEN}")
        for name in ("Ann", "Bob"):
            await http.post("/page/join", json={"name": name, "language": "zh-CN"})
        known = (await http.get("/page/me")).json()
        assert {person["name"] for person in known["people"]} == {"Ann", "Bob"}
        taken = await http.post("/page/join", json={"name": "ann "})
        assert (taken.status_code, taken.json()["error"]["reason"]) == (409, "name_taken")
        assert (await http.post("/page/join", content=b"{")).status_code == 422


async def test_two_who_want_one_name_at_once(page: Page) -> None:
    async with httpx.AsyncClient(timeout=60, base_url=page.base) as http:
        await http.get(f"/?token={TOKEN}")
        asked = (http.post("/page/join", json={"name": "Ann"}) for _ in range(5))
        statuses = [answer.status_code for answer in await asyncio.gather(*asked)]
        assert sorted(statuses) == [200, 409, 409, 409, 409]


async def test_nothing_is_taken_while_the_bot_does_not_listen() -> None:
    settings = PageSettings("Parley", notice, commands, str)
    adapter = WebAdapter(MemoryStore(), settings)
    running = asyncio.create_task(adapter.run(discard, None))
    await asyncio.sleep(0)
    assert adapter.actions.emit is not None
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert adapter.actions.emit is None


async def discard(events: Sequence[MessageEvent], cursor: Cursor | None) -> None:
    """Take events and do nothing."""
