"""The remote engine against a server with faults: every error mapped, nothing left open."""

import asyncio
import json
from collections.abc import AsyncGenerator

import openai
import pytest
import pytest_asyncio

from engine.base import (
    ContextTooLong,
    EngineError,
    Interrupted,
    Message,
    Overloaded,
    Sampling,
    Unavailable,
)
from engine.remote import RemoteEngine
from tests.contract.engine_fixtures import answer, request
from tests.fakes.openai_server import (
    MODEL,
    BreakOff,
    Fault,
    OpenAIServer,
    Pour,
    Refuse,
    Say,
    openai_server,
)


@pytest_asyncio.fixture
async def server() -> AsyncGenerator[OpenAIServer]:
    async with openai_server() as server:
        yield server


@pytest_asyncio.fixture
async def engine(server: OpenAIServer) -> AsyncGenerator[RemoteEngine]:
    async with RemoteEngine(server.url, MODEL, "sk-test", context_tokens=1024) as engine:
        yield engine


async def test_the_fake_speaks_the_protocol_of_the_official_client(server: OpenAIServer):
    async with openai.AsyncOpenAI(base_url=server.url, api_key="k", max_retries=0) as client:
        stream = await client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "one two"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        models = [model.id async for model in client.models.list()]

    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "echo: one two"
    assert chunks[-1].usage
    assert models == [MODEL]


async def test_what_is_sent_is_openais_own_protocol(server: OpenAIServer, engine: RemoteEngine):
    asked = request("Hello", max_tokens=7, stop=("END",))

    reply = await answer(engine, asked)

    (body,) = server.bodies
    assert body == {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": asked.messages[0].content},
            {"role": "user", "content": "Hello"},
        ],
        "temperature": 0,
        "top_p": Sampling().top_p,
        "max_tokens": 7,
        "stop": ["END"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert server.keys == ["Bearer sk-test"]
    assert reply.usage.reused_tokens == 1


FAULTS: dict[str, tuple[Fault, type[EngineError]]] = {
    "overloaded": (Refuse(429, {}, {"Retry-After": "7"}), Overloaded),
    "overloaded, bad date": (Refuse(429, {}, {"Retry-After": "soon"}), Overloaded),
    "busy": (Refuse(503, {}, {"Retry-After": "1"}), Overloaded),
    "loading": (Refuse(503, {"error": {"message": "Loading model"}}), Unavailable),
    "no such model": (Refuse(404), Unavailable),
    "wrong key": (Refuse(401, {"error": "no"}), Unavailable),
    "broken": (Refuse(500, {"error": {"code": 500}}), Unavailable),
    "too long for OpenAI": (
        Refuse(400, {"error": {"code": "context_length_exceeded", "type": None}}),
        ContextTooLong,
    ),
    "breaks off": (BreakOff(), Interrupted),
    "breaks off at once": (BreakOff(0), Unavailable),
    "no end": (Say(('data: {"choices":[{"delta":{"content":"x"}}]}',)), Interrupted),
    "not JSON": (Say(("data: {",)), Interrupted),
    "no object": (Say(("data: [1]",)), Interrupted),
    "strange shape": (Say(('data: {"choices":[{"delta":3}]}',)), Interrupted),
    "an error inside": (Say(('data: {"error":{"message":"out of memory"}}',)), Interrupted),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_every_fault_is_an_error_of_the_tree(
    name: str, server: OpenAIServer, engine: RemoteEngine
):
    fault, expected = FAULTS[name]
    server.faults.append(fault)

    with pytest.raises(expected) as caught:
        await answer(engine, request("one two three four"))

    assert "sk-test" not in str(caught.value)
    assert (await answer(engine, request("Hello"))).text == "echo: Hello"


async def test_who_is_broken_off_is_taken_for_the_cause(server: OpenAIServer, engine: RemoteEngine):
    server.faults.append(BreakOff())

    with pytest.raises(Interrupted) as caught:
        await answer(engine, request("one two three four"))

    assert caught.value.alone


async def test_a_server_is_not_asked_again_at_once(server: OpenAIServer, engine: RemoteEngine):
    server.faults.append(Refuse(429, {}, {"Retry-After": "0"}))

    with pytest.raises(Overloaded) as caught:
        await answer(engine, request("Hello"))

    assert caught.value.retry_after_s >= 1


async def test_a_line_without_an_end_is_not_kept(server: OpenAIServer, engine: RemoteEngine):
    server.faults.append(Pour(64 << 20))

    with pytest.raises(Interrupted, match="a line without an end"):
        await answer(engine, request("Hello"))

    assert server.poured_bytes < 32 << 20


async def test_what_ends_a_line_for_unicode_is_text(server: OpenAIServer, engine: RemoteEngine):
    text = "one\u2028two\x85three"
    chunk = {"choices": [{"delta": {"content": text}, "finish_reason": "stop"}]}
    server.faults.append(Say((f"data: {json.dumps(chunk, ensure_ascii=False)}\r",)))

    assert (await answer(engine, request("Hello"))).text == text


async def test_the_server_says_when_to_come_back(server: OpenAIServer, engine: RemoteEngine):
    server.faults.append(FAULTS["overloaded"][0])

    with pytest.raises(Overloaded) as caught:
        await answer(engine, request("Hello"))

    assert caught.value.retry_after_s == 7


async def test_closing_the_stream_closes_the_connection(server: OpenAIServer, engine: RemoteEngine):
    server.flowing.clear()
    task = asyncio.create_task(answer(engine, request("Hello")))
    async with asyncio.timeout(60):
        while not server.bodies:
            await asyncio.sleep(0.001)
        task.cancel()
        await server.abandoned.wait()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_deadline_binds_while_the_server_thinks(server: OpenAIServer, engine: RemoteEngine):
    server.flowing.clear()

    with pytest.raises(Unavailable, match="deadline"):
        await answer(engine, request("Hello", deadline_s=0.05))


async def test_odd_lines_of_the_stream_are_skipped(server: OpenAIServer, engine: RemoteEngine):
    server.faults.append(
        Say(
            (
                ": a comment",
                "event: message",
                'data:{"choices":[{"delta":{"role":"assistant","content":null}}]}',
                'data: {"choices":[{"delta":{"content":"x"},"finish_reason":"length"}]}',
                'data: {"choices":[],"usage":null}',
            )
        )
    )

    reply = await answer(engine, request("Hello"))

    assert (reply.text, reply.deltas[-1].finish) == ("x", "length")
    assert reply.usage.completion_tokens == 1


@pytest.mark.parametrize(
    ("status", "state"), [(200, "ready"), (503, "loading"), (404, "failed"), (401, "failed")]
)
async def test_the_state_is_what_the_models_list_says(
    status: int, state: str, server: OpenAIServer, engine: RemoteEngine
):
    server.models_status = status

    assert (await engine.status()).state == state


async def test_a_server_that_is_not_there_is_unavailable():
    async with RemoteEngine("http://127.0.0.1:1/v1") as engine:
        assert (await engine.status()).state == "failed"
        with pytest.raises(Unavailable):
            await answer(engine, request("Hello"))


async def test_the_model_is_named_by_the_server_when_nobody_says(server: OpenAIServer):
    async with RemoteEngine(server.url) as engine:
        assert (await engine.status()).model == MODEL


async def test_counts_are_estimates_on_the_safe_side(engine: RemoteEngine):
    (english, chinese) = await engine.count(
        [Message("user", "hello there friend"), Message("user", "你好")]
    )

    assert english >= 6
    assert chinese >= 2
