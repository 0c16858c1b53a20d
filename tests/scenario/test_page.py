"""The page as its people use it, through its own wire and a real port."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bot.texts import texts_for
from engine.base import Overloaded, Waiting
from engine.models import DEMO
from engine.scripted import Script
from tests.clients.page import Tab
from tests.scenario.bots import Bot, running_bot, settings_in

TEXTS = texts_for("en")
PORT = {"enabled": True, "port": 0}


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncGenerator[Bot]:
    async with running_bot(settings_in(tmp_path, web=PORT)) as bot:
        yield bot


def tab_of(bot: Bot, name: str, language: str = "") -> AbstractAsyncContextManager[Tab]:
    """Somebody at the page while the block runs."""
    return Tab(bot.running.url, name, language=language).present()


async def test_a_direct_message_is_answered(bot: Bot) -> None:
    async with tab_of(bot, "Ann") as ann:
        await ann.say(ann.direct, "hello **you**")
        await ann.until(lambda: ann.shown(ann.direct) == ["echo: hello **you**"])
        htmls = [post["html"] for post in ann.posts.values()]
        assert any("<strong>you</strong>" in html for html in htmls)


async def test_of_the_demo_model_it_is_said_while_it_answers_and_in_one_s_language(
    bot: Bot,
) -> None:
    def notice(tab: Tab) -> str:
        return next(frame["notice"] for frame in tab.frames if frame["is"] == "welcome")

    bot.engine.state = replace(bot.engine.state, model=DEMO.name)
    async with tab_of(bot, "Ann") as ann, tab_of(bot, "Li", language="zh-CN") as li:
        assert notice(ann) == TEXTS.demo_notice
        assert notice(li) == texts_for("zh").demo_notice
    bot.engine.state = replace(bot.engine.state, model="larger")
    async with tab_of(bot, "Bob") as bob:
        assert notice(bob) == ""


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://models.example/v1", "on another server, `models.example`"),
        ("http://127.0.0.1:8080/v1", "runs on this machine"),
    ],
)
async def test_where_questions_go_is_said(tmp_path: Path, url: str, told: str) -> None:
    remote = {"kind": "remote", "base_url": url, "model": "large"}
    settings = settings_in(tmp_path, web=PORT, engine=remote)
    async with running_bot(settings) as bot, tab_of(bot, "Ann") as ann:
        notices = [frame["notice"] for frame in ann.frames if frame["is"] == "welcome"]
        assert any("models.example" in notice for notice in notices) == ("example" in url)
        await ann.say(ann.direct, "/privacy")
        await ann.until(lambda: any(told in text for text in ann.shown(ann.direct)))


async def test_in_a_room_the_bot_answers_when_it_is_addressed(bot: Bot) -> None:
    async with tab_of(bot, "Ann") as ann, tab_of(bot, "Bob") as bob:
        room = await ann.do("create", name="Kitchen")
        await bob.until(lambda: any(each["id"] == room for each in bob.rooms))
        await ann.say(room, "lunch?")
        await bob.until(lambda: any(p["text"] == "lunch?" for p in bob.posts.values()))
        await bob.say(room, "@parley what is for lunch?")
        await ann.until(lambda: len(ann.shown(room)) == 1)
        assert ann.shown(room) == ["echo: Bob: what is for lunch?"]
        answer = next(post for post in ann.posts.values() if not post["author"])
        await ann.say(room, "and dessert?", reply_to=answer["id"])
        await bob.until(lambda: len(bob.shown(room)) == 2)
        assert [len(request.messages) for request in bot.engine.requests] == [2, 4]


async def test_a_direct_room_is_nobody_else_s(bot: Bot) -> None:
    async with tab_of(bot, "Ann") as ann, tab_of(bot, "Bob") as bob:
        await ann.say(ann.direct, "secret")
        await ann.until(lambda: len(ann.shown(ann.direct)) == 1)
        asked = await ann.do("create", name="marker")
        await bob.until(lambda: any(each["id"] == asked for each in bob.rooms))
        assert not [post for post in bob.posts.values() if post["room"] == ann.direct]
        said = await bob.say(ann.direct, "let me in")
        await bob.until(lambda: said in bob.refused)
        secret = next(p for p in ann.posts.values() if p["text"] == "secret")
        for what in ("edit", "delete", "react"):
            fields = {"edit": {"text": "x"}, "react": {"emoji": "👍"}}.get(what, {})
            action = await bob.do(what, post=secret["id"], **fields)
            await bob.until(lambda a=action: a in bob.refused)


async def test_only_own_messages_can_be_changed(bot: Bot) -> None:
    async with tab_of(bot, "Ann") as ann, tab_of(bot, "Bob") as bob:
        room = await ann.do("create", name="Kitchen")
        await bob.until(lambda: any(each["id"] == room for each in bob.rooms))
        said = await ann.say(room, "mine")
        await bob.until(lambda: said in bob.posts)
        edit = await bob.do("edit", post=said, text="yours")
        await bob.until(lambda: edit in bob.refused)
        await ann.do("edit", post=said, text="still mine")
        await bob.until(lambda: bob.posts[said]["text"] == "still mine")
        assert bob.posts[said]["edited"]
        await ann.do("delete", post=said)
        await bob.until(lambda: bob.posts[said]["removed"])
        assert bob.posts[said]["text"] == ""


async def test_an_action_sent_twice_counts_once(bot: Bot) -> None:
    async with tab_of(bot, "Ann") as ann:
        said = await ann.say(ann.direct, "once")
        await ann.until(lambda: len(ann.shown(ann.direct)) == 1)
        await ann.ask("say", id=said, room=ann.direct, text="once", reply_to="")
        await ann.say(ann.direct, "then")
        await ann.until(lambda: len(ann.shown(ann.direct)) == 2)
        assert ann.shown(ann.direct) == ["echo: once", "echo: then"]


async def test_an_answer_grows_in_a_preview_and_its_post_replaces_it(bot: Bot) -> None:
    bot.engine.token_delay_s = 0.05
    bot.engine.enqueue("one two three four five six\n\nseven eight")
    async with tab_of(bot, "Ann") as ann:
        await ann.say(ann.direct, "count")
        await ann.until(lambda: len(ann.shown(ann.direct)) == 1)
        previews = [f for f in ann.frames if f["is"] == "preview" and "blocks" in f]
        assert len(previews) > 3
        answer = next(post for post in ann.posts.values() if not post["author"])
        assert {preview["key"] for preview in previews} == {answer["id"]}
        assert previews[0]["from"] == 0
        assert previews[-1]["from"] == 1  # the first paragraph stands already


async def test_a_place_in_the_line_is_shown(bot: Bot) -> None:
    bot.engine.enqueue(Script("done", waiting=Waiting(3, 12.5)))
    async with tab_of(bot, "Ann") as ann:
        await ann.say(ann.direct, "hello")
        await ann.until(lambda: len(ann.shown(ann.direct)) == 1)
        waits = [f["wait"] for f in ann.frames if f["is"] == "preview" and "wait" in f]
        assert waits == [{"place": 3, "eta_s": 12.5}]


async def test_stop_and_retry_are_buttons(bot: Bot) -> None:
    bot.engine.token_delay_s = 0.05
    bot.engine.enqueue(" ".join(["word"] * 200), "again")
    async with tab_of(bot, "Ann") as ann:
        await ann.say(ann.direct, "go on")
        await ann.until(lambda: any(f["is"] == "preview" for f in ann.frames))
        await ann.do("press", room=ann.direct, button="stop", post="")
        await ann.until(lambda: TEXTS.stopped in "".join(ann.shown(ann.direct)))
        await ann.do("press", room=ann.direct, button="retry", post="")
        await ann.until(lambda: ann.shown(ann.direct) == ["again"])
        await ann.until(
            lambda: [p["text"] for p in ann.posts.values() if p["ratable"]] == ["again"]
        )


async def test_commands_begin_with_a_slash(bot: Bot) -> None:
    async with tab_of(bot, "Ann") as ann:
        for text, told in (
            ("/help", TEXTS.help_title),
            ("/аdmin dead", "no command “аdmin”"),
            ("/he\u200blp", "no command"),
            ("/privacy", "runs on this machine"),
        ):
            await ann.say(ann.direct, text)
            await ann.until(lambda t=told: any(t in text for text in ann.shown(ann.direct)))
        assert not any(post["ratable"] for post in ann.posts.values())
        assert bot.engine.requests == []


async def test_what_is_kept_is_clean(bot: Bot) -> None:
    async with tab_of(bot, "Ann") as ann:
        await ann.say(ann.direct, "a\0b\ud800c\u202ed\x1b[31m")
        await ann.until(lambda: ann.shown(ann.direct) == ["echo: ab\ufffdcd[31m"])
        assert "ab\ufffdcd[31m" in {post["text"] for post in ann.posts.values()}
        empty = await ann.say(ann.direct, " \0 ")
        await ann.until(lambda: empty in ann.refused)


async def test_export_is_a_file_for_oneself_only(bot: Bot) -> None:
    async with tab_of(bot, "Ann") as ann, tab_of(bot, "Bob") as bob:
        await ann.say(ann.direct, "my secret")
        room = await ann.do("create", name="Kitchen")
        await ann.say(room, "only among us")
        await ann.until(lambda: len(ann.shown(ann.direct)) == 1)
        await ann.say(ann.direct, "/export")
        await ann.until(lambda: any(post["file"] for post in ann.posts.values()))
        post = next(post for post in ann.posts.values() if post["file"])
        path = f"{ann.base}/page/files/{post['id']}"
        async with httpx.AsyncClient(timeout=60, cookies=ann.cookies) as http:
            response = await http.get(path)
        assert "my secret" in response.text
        assert "only among us" in response.text
        assert response.headers["content-disposition"].startswith("attachment")
        for cookies in (bob.cookies, httpx.Cookies()):
            async with httpx.AsyncClient(timeout=60, cookies=cookies) as http:
                assert (await http.get(path)).status_code == 404


async def test_forget_empties_the_page_too(bot: Bot) -> None:
    async with tab_of(bot, "Ann") as ann:
        room = await ann.do("create", name="Kitchen")
        await ann.say(ann.direct, "my canary")
        await ann.until(lambda: len(ann.shown(ann.direct)) == 1)
        await ann.say(room, "@Parley the canary sings")
        await ann.until(lambda: len(ann.shown(room)) == 1)
        await ann.say(ann.direct, "/forget")
        await ann.until(lambda: any("Erased" in text for text in ann.shown(ann.direct)))
        assert not [post for post in ann.posts.values() if "canary" in post["text"]]
        assert "canary" not in str(await bot.running.desk.members.export(f"web:page:{ann.id}"))


async def test_a_tab_that_comes_back_gets_what_it_missed(bot: Bot) -> None:
    async with tab_of(bot, "Ann") as ann:
        await ann.say(ann.direct, "one")
        await ann.until(lambda: len(ann.shown(ann.direct)) == 1)
        seq = ann.seq
        await ann.say(ann.direct, "two")
        await ann.until(lambda: len(ann.shown(ann.direct)) == 2)
        late = Tab(bot.running.url, "Ann", id=ann.id, seq=seq)
        late.cookies = ann.cookies
        staying = asyncio.create_task(late.stay())
        await late.until(
            lambda: {"two", "echo: two"} <= {post["text"] for post in late.posts.values()}
        )
        await late.ask("history", room=late.direct, before=None)
        await late.until(lambda: len(late.posts) == 4)
        staying.cancel()
        await asyncio.wait({staying})


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        ("{", "not JSON"),
        ("[" * 10_000, "not JSON"),
        ('{"do": "dance", "id": "12345678"}', ""),
        ('{"do": "say", "id": "12345678"}', ""),
        ('{"do": "say", "id": "../../etc", "room": "x", "text": "y"}', ""),
        ('{"do": "edit", "id": "12345678", "post": "none", "text": "x"}', "gone"),
        ('{"do": "say", "id": "12345678", "room": "none", "text": "x"}', "no such room"),
    ],
)
async def test_what_can_t_be_understood_is_refused(bot: Bot, frame: str, told: str) -> None:
    async with tab_of(bot, "Ann") as ann:
        await ann.send(frame)
        await ann.until(lambda: any(f["is"] == "refused" for f in ann.frames))
        refused = next(f for f in ann.frames if f["is"] == "refused")
        assert told in refused["why"]
        await ann.say(ann.direct, "still here")
        await ann.until(lambda: len(ann.shown(ann.direct)) == 1)


async def test_without_the_link_there_is_no_way_in(bot: Bot) -> None:
    base = bot.running.url.partition("/?")[0]
    async with httpx.AsyncClient(timeout=60, base_url=base) as http:
        assert (await http.get("/")).status_code == 403
        assert (await http.get("/?token=guess")).status_code == 403
        assert (await http.get("/page/me")).status_code == 403
        assert (await http.post("/page/join", json={"name": "Eve"})).status_code == 403
        assert (await http.get("/page/static/../adapter.py")).status_code == 404
        assert (await http.get("/page/static/%2e%2e/adapter.py")).status_code == 404
    live = base.replace("http", "ws", 1) + "/page/live?as=x"
    async with connect(live) as socket:
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    with pytest.raises(InvalidStatus):
        await connect(live, additional_headers={"origin": "http://evil.example"})


async def test_nobody_speaks_as_somebody_else(bot: Bot) -> None:
    async with tab_of(bot, "Ann") as ann, tab_of(bot, "Eve") as eve:
        live = f"{eve.base.replace('http', 'ws', 1)}/page/live?as={ann.id}"
        cookie = "; ".join(f"{name}={value}" for name, value in eve.cookies.items())
        async with connect(live, additional_headers={"cookie": cookie}) as socket:
            with pytest.raises(ConnectionClosed):
                await socket.recv()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "Choose a name"),
        ("   ", "Choose a name"),
        ("x" * 41, "at most 40"),
        ("A\u202enn", "invisible"),
        ("parley", "taken"),
        ("ANN", "taken"),
    ],
)
async def test_names_that_nobody_can_have(bot: Bot, name: str, told: str) -> None:
    async with (
        tab_of(bot, "Ann") as ann,
        httpx.AsyncClient(timeout=60, cookies=ann.cookies) as http,
    ):
        response = await http.post(f"{ann.base}/page/join", json={"name": name})
        assert response.status_code in (409, 422)
        assert told in response.json()["error"]["message"]


async def test_an_answer_stays_when_another_one_can_t_be_had(bot: Bot) -> None:
    async with tab_of(bot, "Ann") as ann:
        await ann.say(ann.direct, "hello")
        await ann.until(lambda: ann.shown(ann.direct) == ["echo: hello"])
        bot.engine.enqueue("")
        answer = next(post for post in ann.posts.values() if not post["author"])
        await ann.do("press", room=ann.direct, button="retry", post=answer["id"])
        await ann.until(lambda: ann.shown(ann.direct) == ["echo: hello", TEXTS.empty])
        await ann.say(ann.direct, "and now?")  # is brought after whatever became of the first
        shown = ["echo: hello", TEXTS.empty, "echo: and now?"]
        await ann.until(lambda: ann.shown(ann.direct)[-1:] == shown[-1:])
        assert ann.shown(ann.direct) == shown


async def test_what_is_not_recorded_is_not_acknowledged(bot: Bot) -> None:
    async with tab_of(bot, "Ann") as ann:
        bot.engine.enqueue(Overloaded("full", 0.01), "late but once")
        await ann.say(ann.direct, "hello")
        await ann.until(lambda: ann.shown(ann.direct) == ["late but once"])
        assert not ann.unacknowledged
