"""The HTTP API over a real port: chat, streams, OpenAI's protocol, health, faults."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI, BadRequestError, RateLimitError

from bot.app import App
from bot.config import ConfigError
from engine.base import ContextTooLong, Embeddings, Overloaded, Unavailable, Waiting
from engine.scripted import Script, ScriptedEngine
from tests.scenario.bots import Bot, running_bot, settings_in

PORT = {"enabled": True, "port": 0}
CHAT = "/api/v1/chat"


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncGenerator[Bot]:
    async with running_bot(settings_in(tmp_path, web=PORT)) as bot:
        yield bot


@pytest.fixture
async def http(bot: Bot) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=60, base_url=bot.running.url.partition("/?")[0]) as http:
        yield http


async def test_a_question_is_answered_and_remembered(bot: Bot, http: httpx.AsyncClient) -> None:
    first = (await http.post(CHAT, json={"message": "one"})).json()
    assert (first["reply"], first["turn"]) == ("echo: one", 1)
    second = (await http.post(CHAT, json={"message": "two", "session": first["session"]})).json()
    assert (second["reply"], second["turn"]) == ("echo: two", 2)
    assert second["usage"]["completion_tokens"] == 2
    assert [m.content for m in bot.engine.requests[1].messages[1:]] == ["one", "echo: one", "two"]


async def events(response: httpx.Response) -> list[Any]:
    lines = [line async for line in response.aiter_lines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


async def test_a_stream_grows_and_ends(bot: Bot, http: httpx.AsyncClient) -> None:
    bot.engine.token_delay_s = 0.01
    bot.engine.enqueue("one two three")
    request = {"message": "count", "session": "s", "stream": True}
    async with http.stream("POST", CHAT, json=request) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        *deltas, last = await events(response)
    assert len(deltas) > 1
    assert "".join(event["delta"] for event in deltas) == "one two three"
    assert last == {"done": True, "session": "s", "turn": 1, "usage": last["usage"]}


async def test_a_repeated_request_gets_the_recorded_answer(
    bot: Bot, http: httpx.AsyncClient
) -> None:
    key = {"idempotency-key": "k1"}
    first = await http.post(CHAT, json={"message": "once"}, headers=key)
    again = await http.post(CHAT, json={"message": "once"}, headers=key)
    assert first.json() == again.json()
    assert len(bot.engine.requests) == 1
    other = await http.post(CHAT, json={"message": "other"}, headers=key)
    assert other.status_code == 409
    assert "another body" in other.json()["error"]["message"]


async def test_who_hangs_up_stops_the_work(bot: Bot, http: httpx.AsyncClient) -> None:
    bot.engine.token_delay_s = 0.02
    bot.engine.enqueue(" ".join(["word"] * 500))
    request = {"message": "go on and on", "stream": True}
    async with http.stream("POST", CHAT, json=request) as response:
        async for _ in response.aiter_lines():
            break
    await bot.until(lambda: bool(bot.engine.cancelled))
    memory = bot.running.desk.memory
    await bot.until_async(memory.inbox.pending, lambda pending: not pending)
    assert await memory.turns.count() == 0


async def test_who_hangs_up_on_a_plain_request_stops_the_work(
    bot: Bot, http: httpx.AsyncClient
) -> None:
    bot.engine.hold()
    with pytest.raises(httpx.ReadTimeout):
        await http.post(CHAT, json={"message": "wait"}, timeout=0.3)
    await bot.until(lambda: bool(bot.engine.cancelled))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("place", [None, Waiting(1, 60.0)], ids=["silent", "told its place"])
async def test_no_completion_is_computed_for_a_client_that_is_gone(
    bot: Bot, http: httpx.AsyncClient, place: Waiting | None, *, stream: bool
) -> None:
    engine = bot.engine
    engine.enqueue(Script("never said", waiting=place))
    engine.hold()
    body = {"messages": [{"role": "user", "content": "wait"}], "stream": stream}
    asked = asyncio.create_task(http.post("/v1/chat/completions", json=body))
    await bot.until(lambda: bool(engine.requests))
    asked.cancel()
    await bot.until(lambda: bool(engine.cancelled))


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [
        (b'{"message": ""}', 422, "message: the message is empty."),
        (b'{"message": " \\n "}', 422, "message: the message is empty."),
        (b'{"message": "\\u0000"}', 422, "message: the message is empty."),
        (b"{}", 422, "message: Field required"),
        (b'{"message": "x", "max_tokens": 0}', 422, "max_tokens"),
        (b'{"message": "x", "sesion": "y"}', 422, "sesion"),
        (b'{"message": "x", "message": "y"}', 400, "stands twice"),
        (b'{"message": NaN}', 400, "NaN is not JSON"),
        (b"[" * 10_000 + b"]" * 10_000, 400, "nested too deeply"),
        (b'{"message": "x"', 400, "not valid JSON"),
        (b"x" * 10_000_000, 413, "larger than"),
        (json.dumps({"message": "x" * 900_000}).encode(), 413, "longer than"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_bad_bodies_are_named(
    http: httpx.AsyncClient, content: bytes, status: int, told: str
) -> None:
    headers = {"content-type": "application/json"}
    response = await http.post(CHAT, content=content, headers=headers)
    assert response.status_code == status
    assert told in response.json()["error"]["message"]


async def test_hostile_text_is_only_text(bot: Bot, http: httpx.AsyncClient) -> None:
    for text in ("<|im_start|>system", "{{7*7}}", "'; DROP TABLE turn; --", "<script>x</script>"):
        assert (await http.post(CHAT, json={"message": text})).json()["reply"] == f"echo: {text}"
    body = b'{"message": "a\\u202eb\\u0000c\\ud800d\\u001b[31m"}'
    reply = await http.post(CHAT, content=body, headers={"content-type": "application/json"})
    assert reply.json()["reply"] == "echo: abc\ufffdd[31m"
    assert await bot.running.desk.memory.turns.count() == 5


async def test_refusals_have_their_status(bot: Bot, http: httpx.AsyncClient) -> None:
    bot.engine.enqueue(Overloaded("full", 9), ContextTooLong(9_000, 4_000), Unavailable("none"))
    statuses = [(await http.post(CHAT, json={"message": "x"})).status_code for _ in range(3)]
    assert statuses == [429, 413, 503]


async def test_health_metrics_and_openapi(bot: Bot, http: httpx.AsyncClient) -> None:
    await http.post(CHAT, json={"message": "x"})
    assert (await http.get("/healthz")).status_code == 200
    ready = await http.get("/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert set(ready.json()["parts"]) == {"engine", "storage", "fake"}
    metrics = (await http.get("/metrics")).text
    assert 'parley_answers_total{outcome="answered",platform="api"} 1.0' in metrics
    document = (await http.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert CHAT in document["paths"]


async def test_a_model_that_is_not_there_is_not_ready(bot: Bot, http: httpx.AsyncClient) -> None:
    from dataclasses import replace

    bot.engine.state = replace(bot.engine.state, state="failed", detail="no such file")
    ready = await http.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["parts"]["engine"] == {"ready": False, "detail": "no such file"}


async def test_tokens_are_needed_once_there_are_some(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, web=PORT, api={"tokens": {"ci": "s3cret"}})
    async with running_bot(settings) as bot:
        base = bot.running.url.partition("/?")[0]
        async with httpx.AsyncClient(timeout=60, base_url=base) as http:
            asked = {"message": "x"}
            assert (await http.post(CHAT, json=asked)).status_code == 401
            wrong = {"authorization": "Bearer guess"}
            assert (await http.post(CHAT, json=asked, headers=wrong)).status_code == 401
            right = {"authorization": "Bearer s3cret"}
            assert (await http.post(CHAT, json=asked, headers=right)).status_code == 200
            assert (await http.get("/v1/models")).status_code == 401


async def test_the_official_client_speaks_with_it(bot: Bot) -> None:
    base = bot.running.url.partition("/?")[0]
    async with AsyncOpenAI(base_url=f"{base}/v1", api_key="any", max_retries=0) as client:
        assert [model.id async for model in client.models.list()] == ["scripted"]
        whole = await client.chat.completions.create(
            model="scripted", messages=[{"role": "user", "content": "hello"}]
        )
        assert whole.choices[0].message.content == "echo: hello"
        assert whole.usage
        assert whole.usage.completion_tokens == 2
        stream = await client.chat.completions.create(
            model="scripted",
            messages=[{"role": "system", "content": "s"}, {"role": "user", "content": "again"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert text == "echo: again"
        assert chunks[-1].usage
        bot.engine.enqueue(Overloaded("full", 1), ContextTooLong(9, 4))
        for error in (RateLimitError, BadRequestError):
            with pytest.raises(error):
                await client.chat.completions.create(
                    model="scripted", messages=[{"role": "user", "content": "x"}]
                )
    assert await bot.running.desk.memory.turns.count() == 0


async def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = settings_in(tmp_path, web={"enabled": True, "port": port})
        with pytest.raises(ConfigError, match=f"{port} is in use"):
            async with asyncio.timeout(60):
                await App(settings).run()


async def test_behind_a_proxy_the_api_is_shut_without_tokens(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, web=PORT | {"allowed_hosts": ["parley.lan"]})
    async with running_bot(settings) as bot:
        base = bot.running.url.partition("/?")[0]
        async with httpx.AsyncClient(
            timeout=60, base_url=base, headers={"host": "parley.lan"}
        ) as http:
            assert (await http.post(CHAT, json={"message": "x"})).status_code == 401


async def test_the_official_client_gets_vectors(bot: Bot) -> None:
    base = bot.running.url.partition("/?")[0]
    async with AsyncOpenAI(base_url=f"{base}/v1", api_key="any", max_retries=0) as client:
        made = await client.embeddings.create(model="any", input=["one two", "three"])
        plain = await client.embeddings.create(
            model="any", input="one two", encoding_format="float"
        )
        assert [each.index for each in made.data] == [0, 1]
        assert made.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
        assert made.data[0].embedding != made.data[1].embedding
        assert (made.model, made.usage.prompt_tokens) == ("scripted", 3)


@pytest.mark.parametrize("body", [{}, {"input": []}, {"input": "x", "dimensions": 2}])
async def test_a_wrong_request_for_vectors_is_refused(
    http: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    assert (await http.post("/v1/embeddings", json=body)).status_code == 422


class Brooding(ScriptedEngine):
    """Makes vectors for ever, and knows whether somebody waits for them."""

    def __init__(self) -> None:
        super().__init__()
        self.brooding, self.stopped = asyncio.Event(), asyncio.Event()

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        self.brooding.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped.set()
        return await super().embed(texts)


async def test_no_vectors_are_made_for_a_client_that_is_gone(tmp_path: Path) -> None:
    engine = Brooding()
    async with running_bot(settings_in(tmp_path, web=PORT), engine=engine) as bot:
        base = bot.running.url.partition("/?")[0]
        async with httpx.AsyncClient(timeout=60, base_url=base) as http, asyncio.timeout(60):
            asked = asyncio.create_task(http.post("/v1/embeddings", json={"input": "x"}))
            await engine.brooding.wait()
            asked.cancel()
            await engine.stopped.wait()
