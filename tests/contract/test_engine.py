"""What every engine promises, over every engine: the real model, a remote server, the scripted."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import pytest_asyncio

from engine.base import ContextTooLong, Engine, Message, Unavailable
from engine.pool import Pool
from engine.remote import RemoteEngine
from engine.scripted import ScriptedEngine
from engine.seats import Seats, Sharing
from tests.contract.engine_fixtures import (
    SYSTEM,
    answer,
    load_of,
    request,
    until,
)
from tests.fakes.openai_server import openai_server

pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def scripted() -> AsyncGenerator[Engine]:
    yield ScriptedEngine(context_tokens=1024)


@asynccontextmanager
async def remote() -> AsyncGenerator[Engine]:
    async with openai_server() as server, RemoteEngine(server.url, context_tokens=1024) as engine:
        yield engine


@asynccontextmanager
async def llama() -> AsyncGenerator[Engine]:
    load = load_of()
    async with Pool(load, lambda _: load, Seats(Sharing())) as engine:
        yield engine


ENGINES: dict[str, Callable[[], AbstractAsyncContextManager[Engine]]] = {
    "llama": llama,
    "remote": remote,
    "scripted": scripted,
}


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=ENGINES)
async def engine(request: pytest.FixtureRequest) -> AsyncGenerator[Engine]:
    async with ENGINES[request.param]() as engine:
        yield engine


async def test_an_answer_comes_in_pieces_and_says_at_its_end_what_it_took(engine: Engine):
    reply = await answer(engine, request("Count from one to ten in words.", max_tokens=32))

    assert reply.text.strip()
    assert len([delta for delta in reply.deltas if delta.text]) > 2
    assert [delta.finish is not None for delta in reply.deltas].index(True) == (
        len(reply.deltas) - 1
    )
    assert [delta.usage is not None for delta in reply.deltas] == (
        [False] * (len(reply.deltas) - 1) + [True]
    )
    usage = reply.usage
    assert usage.prompt_tokens == usage.reused_tokens + usage.prefilled_tokens > 0
    assert 0 < usage.completion_tokens <= 32


async def test_max_tokens_bounds_an_answer(engine: Engine):
    reply = await answer(engine, request("Tell me a very long story please.", max_tokens=3))

    assert reply.deltas[-1].finish == "length"
    assert reply.usage.completion_tokens == 3


async def test_an_answer_ends_before_its_stop_string(engine: Engine):
    asked = "Name three colours of the rainbow, and then three more."
    whole = (await answer(engine, request(asked, max_tokens=24))).text
    stop = whole.split()[3]

    reply = await answer(engine, request(asked, max_tokens=24, stop=(stop,)))

    assert reply.text == whole[: whole.index(stop)]
    assert reply.deltas[-1].finish == "stop"


async def test_closing_the_stream_stops_the_work(engine: Engine):
    stream = engine.stream(request("Tell me a very long story please.", max_tokens=900))
    async for delta in stream:
        if delta.text:
            break
    await stream.aclose()

    status = await until(lambda status: status.running == 0, engine)

    assert status.waiting == 0
    assert (await answer(engine, request("Hello!"))).text


async def test_a_cancelled_reader_stops_the_work(engine: Engine):
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in engine.stream(request("Tell me a very long story.", max_tokens=900)):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    await until(lambda status: status.running == 0, engine)


async def test_several_people_are_answered_at_once(engine: Engine):
    replies = await asyncio.gather(
        *[answer(engine, request(f"What is {n} plus {n}?", f"person {n}")) for n in range(8)]
    )

    assert all(reply.text.strip() for reply in replies)


async def test_counts_are_of_each_message_and_cover_the_prompt(engine: Engine):
    asked = request("What is the capital of France?")

    counts = await engine.count(asked.messages)

    assert len(counts) == len(asked.messages)
    assert min(counts) > 0
    assert sum(counts) >= (await answer(engine, asked)).usage.prompt_tokens
    assert await engine.count(asked.messages) == counts
    (longer,) = await engine.count([Message("user", "one two three four " * 20)])
    assert longer > counts[1]


async def test_a_prompt_that_does_not_fit_is_refused_with_the_numbers(engine: Engine):
    with pytest.raises(ContextTooLong) as caught:
        await answer(engine, request("word " * 2000))

    assert caught.value.tokens > caught.value.limit > 0
    assert (await answer(engine, request("Hello!"))).text


async def test_a_deadline_binds_the_whole_request(engine: Engine):
    with pytest.raises(Unavailable):
        await answer(engine, request("Hello!", deadline_s=0))

    await until(lambda status: status.running == 0, engine)


async def test_any_text_can_be_asked(engine: Engine):
    for text in ["", " ", "\x00", "a\ud800b", "\U0001f469\u200d\U0001f4bb", "{{7*7}}", "\u202e"]:
        reply = await answer(engine, request(text, max_tokens=2))
        assert reply.usage.completion_tokens <= 2


async def test_an_engine_says_that_it_is_ready_and_forgets(engine: Engine):
    status = await engine.status()
    assert status.state == "ready"
    assert status.context_tokens == 1024

    await engine.forget("s")

    assert (await answer(engine, request("Hello!", history=(SYSTEM,)))).text
