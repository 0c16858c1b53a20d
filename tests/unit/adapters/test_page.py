"""The page alone, on a real port: what people do becomes events, what the bot says is seen."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from adapters.base import Address, Cursor, Kind, MessageEvent, Rejected, Transient
from adapters.capabilities import CommandHint
from adapters.markup import render
from adapters.web.adapter import PageSettings, WebAdapter
from adapters.web.people import People
from adapters.web.routes import PageRoutes
from adapters.web.store import Post, Room
from tests.clients.page import Tab
from tests.unit.adapters.page_store import MemoryStore

TOKEN = "the-link-s-token"
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def commands(language: str) -> list[CommandHint]:
    return [CommandHint("help", "", f"help in {language}")]


@dataclass(slots=True)
class Page:
    """A page that serves, and the events that it handed over."""

    store: MemoryStore
    adapter: WebAdapter
    base: str = ""
    events: list[MessageEvent] = field(default_factory=list[MessageEvent])
    fails: bool = False

    async def emit(self, events: Sequence[MessageEvent], cursor: Cursor | None) -> None:
        if self.fails:
            raise Transient("no space")
        self.events += events

    def of(self, *kinds: Kind) -> list[MessageEvent]:
        return [event for event in self.events if event.kind in kinds]

    def address(self, room: str) -> Address:
        return Address("web", "page", room)

    async def say(self, room: str, text: str, key: str) -> None:
        await self.adapter.send(self.address(room), render(text, "html"), key)

    @asynccontextmanager
    async def tab(self, name: str) -> AsyncGenerator[Tab]:
        """Somebody new, at the page while the block runs."""
        tab = Tab(f"{self.base}/?token={TOKEN}", name)
        await tab.join()
        async with staying(tab):
            yield tab


@asynccontextmanager
async def staying(tab: Tab) -> AsyncGenerator[Tab]:
    task = asyncio.create_task(tab.stay())
    try:
        await tab.until(lambda: tab.rooms)
        yield tab
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.fixture
async def page() -> AsyncGenerator[Page]:
    settings = PageSettings("Parley", "a demo", commands, lambda text: text.replace("\0", ""))
    store = MemoryStore()
    page = Page(store, WebAdapter(store, settings))
    routes = PageRoutes(page.adapter, People(store, TOKEN, "Parley"), settings).routes()
    config = uvicorn.Config(
        Starlette(routes=routes), port=0, log_config=None, lifespan="off", ws="websockets-sansio"
    )
    server = uvicorn.Server(config)
    receiving = asyncio.create_task(page.adapter.run(page.emit, None))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    page.base = f"http://127.0.0.1:{port}"
    yield page
    receiving.cancel()
    server.should_exit = True
    await asyncio.wait({serving, receiving})


async def room_of(tab: Tab, name: str = "Kitchen") -> str:
    room = await tab.do("create", name=name)
    await tab.until(lambda: any(each["id"] == room for each in tab.rooms))
    return room


async def test_who_joins_is_announced(page: Page) -> None:
    async with page.tab("Ann") as ann:
        event = page.events[0]
        assert (event.kind, event.text, event.sender.name) == (Kind.MEMBERSHIP, "join", "Ann")
        async with page.tab("Bob"):
            await ann.until(lambda: seen_online(ann, "Bob", online=True))
        await ann.until(lambda: seen_online(ann, "Bob", online=False))


def seen_online(tab: Tab, name: str, *, online: bool) -> bool:
    told = [f["person"] for f in tab.frames if f["is"] == "person" and f["person"]["name"] == name]
    return bool(told) and told[-1]["online"] is online


async def test_a_tab_is_told_what_it_needs(page: Page) -> None:
    async with page.tab("Ann") as ann:
        welcome = ann.frames[0]
        assert welcome["is"] == "welcome"
        assert (welcome["bot"], welcome["notice"]) == ("Parley", "a demo")
        assert welcome["commands"] == [{"name": "help", "arguments": "", "help": "help in "}]
        assert [(r["direct"], r["newest"]) for r in welcome["rooms"]] == [(True, 0)]


@pytest.mark.parametrize(
    ("text", "asked", "addressed"),
    [
        ("hello", "hello", False),
        ("@Parley hello", "hello", True),
        ("@parley, hello", "hello", True),
        ("@Parley", "@Parley", True),
        ("hello @PARLEY!", "hello @PARLEY!", True),
        ("问@parley，你好", "问@parley，你好", False),  # in a word, as a mail address has it
        ("问 @parley，你好", "问 @parley，你好", True),
        ("me@parley.example", "me@parley.example", False),
        ("@Parleys", "@Parleys", False),
    ],
)
async def test_who_is_addressed_in_a_room(
    page: Page, text: str, asked: str, addressed: bool
) -> None:
    async with page.tab("Ann") as ann:
        room = await room_of(ann)
        await ann.say(room, text)
        await ann.until(lambda: not ann.unacknowledged)
        event = page.of(Kind.MESSAGE)[0]
        assert (event.text, event.addressed) == (asked, addressed)
        assert event.address == Address("web", "page", room)


async def test_a_direct_message_is_always_addressed(page: Page) -> None:
    async with page.tab("Ann") as ann:
        said = await ann.say(ann.direct, "hello\0")
        await ann.until(lambda: said in ann.posts)
        event = page.of(Kind.MESSAGE)[0]
        assert event.addressed
        assert event.address.direct
        assert event.event_id == event.message_id == said
        assert ann.posts[said]["text"] == event.text == "hello"


async def test_a_reply_carries_what_it_replies_to(page: Page) -> None:
    async with page.tab("Ann") as ann, page.tab("Bob") as bob:
        room = await room_of(ann)
        await page.say(room, "an answer", "answer.0")
        await bob.until(lambda: "answer.0" in bob.posts)
        await bob.say(room, "why?", reply_to="answer.0")
        question = await bob.say(room, "a question")
        await ann.until(lambda: question in ann.posts)
        await ann.say(room, "because", reply_to=question)
        await ann.until(lambda: len(page.of(Kind.MESSAGE)) == 3)
        why, _, because = page.of(Kind.MESSAGE)
        assert why.quote
        assert (why.quote.text, why.quote.from_bot, why.addressed) == ("an answer", True, True)
        assert because.quote
        assert (because.quote.author, because.quote.from_bot) == ("Bob", False)
        assert not because.addressed


async def test_a_reply_to_what_is_gone_or_elsewhere_is_a_message(page: Page) -> None:
    async with page.tab("Ann") as ann, page.tab("Bob") as bob:
        room = await room_of(ann)
        secret = await bob.say(bob.direct, "secret")
        removed = await ann.say(room, "gone")
        await ann.do("delete", post=removed)
        await bob.until(lambda: secret in bob.posts)
        await ann.say(room, "to a secret", reply_to=secret)
        await ann.say(room, "to nothing", reply_to=removed)
        await ann.until(lambda: not ann.unacknowledged)
        assert [event.quote for event in page.of(Kind.MESSAGE)[-2:]] == [None, None]
        assert not ann.refused


async def test_commands_buttons_and_opinions(page: Page) -> None:
    async with page.tab("Ann") as ann:
        await page.say(ann.direct, "an answer", "answer.0")
        await ann.say(ann.direct, "/help me")
        await ann.do("press", room=ann.direct, button="retry", post="answer.0")
        await ann.do("react", post="answer.0", emoji="👎")
        await ann.until(lambda: not ann.unacknowledged)
        told = [(e.kind, e.text) for e in page.events[1:]]
        assert told == [("command", "help me"), ("command", "retry"), ("reaction", "👎")]
        assert [event.message_id for event in page.events[2:]] == ["answer.0", "answer.0"]


async def test_only_answers_are_rated(page: Page) -> None:
    async with page.tab("Ann") as ann:
        said = await ann.say(ann.direct, "hello")
        react = await ann.do("react", post=said, emoji="👍")
        await ann.until(lambda: react in ann.refused)
        assert page.of(Kind.REACTION) == []


async def test_an_edit_and_a_delete_may_come_twice(page: Page) -> None:
    async with page.tab("Ann") as ann:
        said = await ann.say(ann.direct, "helo")
        await ann.until(lambda: said in ann.posts)
        await ann.do("edit", post=said, text="hello")
        delete = await ann.do("delete", post=said)
        await ann.until(lambda: ann.posts[said]["removed"])
        await ann.ask("delete", id=delete, post=said)
        late = await ann.do("edit", post=said, text="too late")
        await ann.until(lambda: late in ann.refused)
        assert [event.event_id for event in page.of(Kind.DELETE)] == [delete, delete]
        assert ann.posts[said]["text"] == ""


async def test_what_is_not_on_disk_is_sent_again(page: Page) -> None:
    async with page.tab("Ann") as ann:
        page.fails = True
        said = await ann.say(ann.direct, "hello")
        await ann.until(lambda: len([f for f in ann.frames if f["is"] == "welcome"]) > 1)
        assert said in ann.unacknowledged
        page.fails = False
        await ann.until(lambda: not ann.unacknowledged)
        assert [event.event_id for event in page.of(Kind.MESSAGE)] == [said]


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


async def test_rooms_have_names_of_their_own(page: Page) -> None:
    async with page.tab("Ann") as ann:
        room = await room_of(ann, "  The   Kitchen ")
        assert page.store.places[room].name == "The Kitchen"
        for name, told in (("the kitchen", "already"), (" \0 ", "Choose a name")):
            create = await ann.do("create", name=name)
            await ann.until(lambda create=create: create in ann.refused)
            assert told in ann.refused[create]
        await ann.ask("create", id=room, name="The Kitchen")  # an acknowledgement was lost
        await ann.until(lambda: len([r for r in ann.rooms if r["id"] == room]) == 2)


async def test_a_tab_that_missed_much_begins_anew(page: Page) -> None:
    async with page.tab("Ann") as ann:
        direct = ann.direct
        await page.say(direct, "first", "first.0")
        await ann.until(lambda: ann.seq > 0)
    for number in range(300):
        await page.store.post(post_of(direct, f"missed-{number}.0"))
    async with staying(ann):
        await ann.until(lambda: any(frame["is"] == "stale" for frame in ann.frames))
        assert len(ann.posts) == 1


async def test_a_tab_that_missed_a_little_gets_it(page: Page) -> None:
    async with page.tab("Ann") as ann:
        direct = ann.direct
        await page.say(direct, "first", "first.0")
        await ann.until(lambda: ann.seq > 0)
    await page.store.post(post_of(direct, "missed.0"))
    await page.store.remove("first.0")
    async with staying(ann):
        await ann.until(lambda: "missed.0" in ann.posts and ann.posts["first.0"]["removed"])


def post_of(room: str, post_id: str, text: str = "text") -> Post:
    return Post(post_id, room, "", "Parley", text, NOW)


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
        async with staying(late):
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
        assert len(frames) <= 5
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


async def test_files_are_for_those_who_see_the_room(page: Page) -> None:
    async with page.tab("Ann") as ann, page.tab("Bob") as bob:
        name = 'a "report"\r\nx: y.html'
        ref = await page.adapter.send_file(page.address(ann.direct), name, b"<b>", "file.0")
        await ann.until(lambda: ref.remote_id in ann.posts)
        path = f"{page.base}/page/files/{ref.remote_id}"
        async with httpx.AsyncClient(cookies=ann.cookies) as http:
            response = await http.get(path)
            assert response.content == b"<b>"
            assert response.headers["content-type"] == "application/octet-stream"
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["content-disposition"].startswith("attachment; filename*=")
            assert "x" not in response.headers
            for path_of in ("../../adapter.py", "%2e%2e%2fadapter.py", "none", "file.0%00"):
                assert (await http.get(f"{page.base}/page/files/{path_of}")).status_code == 404
        async with httpx.AsyncClient(cookies=bob.cookies) as http:
            assert (await http.get(path)).status_code == 404
        with pytest.raises(Rejected):
            await page.adapter.send_file(page.address(ann.direct), "x", b"0" * 50_000_001, "f.1")


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


async def test_the_link_becomes_a_cookie(page: Page) -> None:
    async with httpx.AsyncClient(base_url=page.base) as http:
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
    async with httpx.AsyncClient(base_url=page.base, cookies=cookies) as http:
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
    async with httpx.AsyncClient(base_url=page.base) as http:
        await http.get(f"/?token={TOKEN}")
        for name in ("Ann", "Bob"):
            await http.post("/page/join", json={"name": name, "language": "zh-CN"})
        known = (await http.get("/page/me")).json()
        assert {person["name"] for person in known["people"]} == {"Ann", "Bob"}
        taken = await http.post("/page/join", json={"name": "ann "})
        assert (taken.status_code, taken.json()["error"]["reason"]) == (409, "name_taken")
        assert (await http.post("/page/join", content=b"{")).status_code == 422


async def test_two_who_want_one_name_at_once(page: Page) -> None:
    async with httpx.AsyncClient(base_url=page.base) as http:
        await http.get(f"/?token={TOKEN}")
        asked = (http.post("/page/join", json={"name": "Ann"}) for _ in range(5))
        statuses = [answer.status_code for answer in await asyncio.gather(*asked)]
        assert sorted(statuses) == [200, 409, 409, 409, 409]


async def test_nothing_is_taken_while_the_bot_does_not_listen() -> None:
    settings = PageSettings("Parley", "", commands, str)
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
