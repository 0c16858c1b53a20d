"""What a bot holds back once its lease may be another's, as after the machine slept."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest

from bot.bearer import Bearer
from bot.codec import destination
from bot.delivery import Delivery
from bot.embeddings_api import EmbeddingsApi
from bot.health import Metrics
from bot.http import application
from bot.line import Grown, Line
from bot.openai_api import OpenAiApi
from engine.base import Delta, Embeddings, Request
from engine.scripted import ScriptedEngine
from storage.database import Database
from storage.lease import Lease
from storage.outbox import Outbox
from storage.pragmas import DIRECT
from storage.records import Body, Fenced
from storage.tenure import Terms
from tests.fakes.platform import FakePlatform
from tests.scenario.bots import settings_in
from tests.unit.bot.events import DIRECT as CHAT
from tests.unit.bot.events import message

LEASE_S = 15.0


async def test_nothing_is_sent_when_the_lease_may_be_anothers(tmp_path: Path) -> None:
    clock, platform = [1_000.0], FakePlatform()
    async with (
        Database(tmp_path / "parley.db", custody=_lease(clock), pragmas=DIRECT) as db,
        asyncio.TaskGroup() as tasks,
    ):
        outbox = Outbox(db)
        delivery = Delivery(outbox, {("fake", "bot"): platform}, tasks.create_task, Metrics())
        to = destination(message(to=CHAT), "s")
        await outbox.post("a", to, [Body(0, "hello")])
        clock[0] += LEASE_S
        delivery.deliver(await outbox.parts("a"))
        await asyncio.sleep(0)
        await delivery.drain(1)
        assert not [verb for verb, _ in platform.calls if verb != "find"]
        await db.writable()  # it was nobody's else: the next commit says so
        await Delivery(outbox, {("fake", "bot"): platform}, tasks.create_task, Metrics()).recover()
        await platform.until(lambda: platform.shown("ann") == ["hello"])


async def test_a_stream_does_not_grow_when_the_lease_may_be_anothers(tmp_path: Path) -> None:
    """It grows again once the file says that it is still ours."""
    clock = [1_000.0]
    async with Database(tmp_path / "parley.db", custody=_lease(clock), pragmas=DIRECT) as db:
        line = Line(db.assert_held)
        await line.show("one")
        clock[0] += LEASE_S
        with pytest.raises(Fenced):
            await line.show("one two")
        await db.writable()
        await line.show("one two three")
        assert await anext(line.progress()) == Grown("one two three")


class Lapsing(ScriptedEngine):
    """At the third word of an answer so much time goes by that the lease may be another's, and so
    while vectors are made."""

    def __init__(self, clock: list[float]) -> None:
        super().__init__()
        self._clock = clock

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        words = 0
        async with aclosing(super().stream(request)) as deltas:
            async for delta in deltas:
                words += 1
                if words == 3:
                    self._clock[0] += LEASE_S
                yield delta

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        made = await super().embed(texts)
        self._clock[0] += LEASE_S
        return made


@pytest.mark.parametrize("streams", [True, False])
async def test_openai_tools_hear_no_more_of_it_then(tmp_path: Path, streams: bool) -> None:
    clock = [1_000.0]
    asked = {"messages": [{"role": "user", "content": "a b c d e"}], "stream": streams}
    async with Database(tmp_path / "parley.db", custody=_lease(clock), pragmas=DIRECT) as db:
        bearer = Bearer({}, is_local=True)
        api = OpenAiApi(settings_in(tmp_path), Lapsing(clock), bearer, db.assert_held)
        served = httpx.ASGITransport(application(api.routes()))
        async with httpx.AsyncClient(
            timeout=60, transport=served, base_url="http://127.0.0.1"
        ) as http:
            answer = await http.post("/v1/chat/completions", json=asked)
    assert answer.status_code == (200 if streams else 503)
    assert "Another bot answers" in answer.text
    assert _said(answer.text) == ("echo: a " if streams else "")


async def test_they_get_no_vectors_and_no_names_of_models_then(tmp_path: Path) -> None:
    clock = [1_000.0]
    async with Database(tmp_path / "parley.db", custody=_lease(clock), pragmas=DIRECT) as db:
        bearer, engine = Bearer({}, is_local=True), Lapsing(clock)
        api = OpenAiApi(settings_in(tmp_path), engine, bearer, db.assert_held)
        vectors = EmbeddingsApi(engine, bearer, db.assert_held)
        served = httpx.ASGITransport(application([*api.routes(), *vectors.routes()]))
        async with httpx.AsyncClient(
            timeout=60, transport=served, base_url="http://127.0.0.1"
        ) as http:
            answers = [
                await http.post("/v1/embeddings", json={"input": "x"}),
                await http.get("/v1/models"),
            ]
            await db.writable()
            again = await http.get("/v1/models")
    assert [answer.status_code for answer in answers] == [503, 503]
    assert all("Another bot answers" in answer.text for answer in answers)
    assert again.status_code == 200


def _lease(clock: list[float]) -> Lease:
    return Lease(Terms("me", LEASE_S, automatic=True), "me", lambda: clock[0])


def _said(stream: str) -> str:
    """The words of a stream, without the error that ends it."""
    events = [line.removeprefix("data: ") for line in stream.splitlines() if "choices" in line]
    return "".join(json.loads(each)["choices"][0]["delta"].get("content", "") for each in events)
