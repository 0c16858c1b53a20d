"""What the bot adds to a message, measured from outside: time, throughput, memory, start.

The bot runs as people run it (`parley run`, a process of its own, commits on this disk); people are
WebSocket clients of its page; the model is a server here that speaks OpenAI's protocol and answers
at once. "In" is a message's way from a person to the model's server, "out" the way from there to
the posted answer. Beside it stands one measured commit, the floor under every promise.

    python -m bench.overhead
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from storage.database import Database
from storage.inbox import Inbox
from storage.records import Event
from tests.clients.page import Tab, all_present
from tests.clients.process import BotProcess, bot_process

ALONE, TOGETHER, CROWD = 200, 20, 50
CROWD_MESSAGES = 40


class Model:
    """The model's server: notes when each question came, and echoes it."""

    def __init__(self) -> None:
        self.asked_at: dict[str, float] = {}

    async def complete(self, request: Request) -> StreamingResponse:
        """One chunk and the end."""
        question = (await request.json())["messages"][-1]["content"]
        self.asked_at[question.rpartition(" ")[2]] = time.perf_counter()
        return StreamingResponse(_answer(question), media_type="text/event-stream")

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[str]:
        """Serve on a free port; the base URL."""
        routes = [Route("/v1/chat/completions", self.complete, methods=["POST"])]
        config = uvicorn.Config(Starlette(routes=routes), port=0, log_level="error")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.should_exit = True
            await serving


async def _answer(question: str) -> AsyncGenerator[str]:
    chunk = {"choices": [{"index": 0, "delta": {"content": question}, "finish_reason": "stop"}]}
    yield f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"


async def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as directory:
        commit_s = await _commit(Path(directory))
        model = Model()
        async with model.serving() as url:
            settings = {
                "engine__kind": "remote",
                "engine__model": "echo",
                "engine__base_url": url,
                "web__port": "0",
            }
            starts = [await _start(Path(directory), settings) for _ in range(5)]
            async with bot_process(Path(directory), **settings) as bot:
                idle = _memory(bot)
            async with bot_process(Path(directory), **settings) as bot, _tabs(bot) as tabs:
                rows = [
                    await _latency(model, tabs[:1], ALONE, "one person"),
                    await _latency(model, tabs[:TOGETHER], ALONE // TOGETHER, "20 at once"),
                ]
                rate = await _throughput(tabs)
                loaded = _memory(bot)
    _print(commit_s, starts, idle, loaded, rows, rate)


async def _commit(directory: Path) -> list[float]:
    """Seconds of single commits of one inbox row each."""
    async with Database(directory / "commit.db") as database:
        inbox, times = Inbox(database), list[float]()
        for number in range(200):
            event = Event("bench", "a", str(number), "message", "s", "p", "x" * 400)
            began = time.perf_counter()
            await inbox.record([event])
            times.append(time.perf_counter() - began)
    return times


async def _start(directory: Path, settings: dict[str, str]) -> float:
    began = time.perf_counter()
    async with bot_process(directory, **settings):
        return time.perf_counter() - began


@asynccontextmanager
async def _tabs(bot: BotProcess) -> AsyncGenerator[list[Tab]]:
    tabs = [Tab(bot.link, f"p{number}") for number in range(CROWD)]
    async with all_present(tabs):
        yield tabs


Row = tuple[str, list[float], list[float]]


async def _latency(model: Model, tabs: Sequence[Tab], messages: int, name: str) -> Row:
    into: list[float] = []
    out: list[float] = []

    async def person(tab: Tab) -> None:
        for number in range(messages):
            mark = f"{name.replace(' ', '-')}-{tab.name}-{number}"
            began = time.perf_counter()
            await _ask(tab, mark)
            into.append(model.asked_at[mark] - began)
            out.append(time.perf_counter() - model.asked_at[mark])

    await asyncio.gather(*map(person, tabs))
    return name, into, out


async def _throughput(tabs: Sequence[Tab]) -> float:
    async def person(tab: Tab) -> None:
        for number in range(CROWD_MESSAGES):
            await _ask(tab, f"crowd-{tab.name}-{number}")

    began = time.perf_counter()
    await asyncio.gather(*map(person, tabs))
    return CROWD * CROWD_MESSAGES / (time.perf_counter() - began)


async def _ask(tab: Tab, mark: str) -> None:
    """Write and wait for the posted answer; asking `shown` would sort all posts each time."""
    await tab.say(tab.direct, f"question {mark}")
    await tab.until(_answered(tab, mark))


def _answered(tab: Tab, mark: str) -> Callable[[], bool]:
    def condition() -> bool:
        last: dict[str, Any] = tab.frames[-1]
        if last["is"] != "post" or last["post"]["author"]:
            return False
        return last["post"]["text"].endswith(f" {mark}")

    return condition


def _memory(bot: BotProcess) -> float:
    assert bot.process
    return psutil.Process(bot.process.pid).memory_info().rss / 1e6


def _print(
    commit_s: list[float],
    starts: list[float],
    idle: float,
    loaded: float,
    rows: Sequence[Row],
    rate: float,
) -> None:
    print(f"one commit         p50 {_ms(commit_s, 50)}  p95 {_ms(commit_s, 95)}")
    for name, into, out in rows:
        print(f"{name:<12} in    p50 {_ms(into, 50)}  p95 {_ms(into, 95)}")
        print(f"{name:<12} out   p50 {_ms(out, 50)}  p95 {_ms(out, 95)}")
    print(f"{CROWD} people, no pause  {rate:.0f} answers/s")
    print(f"memory of the bot  {idle:.0f} MB idle, {loaded:.0f} MB after the crowd")
    print(f"start to ready     {statistics.median(starts):.2f} s, median of {len(starts)}")


def _ms(seconds: list[float], percent: int) -> str:
    return f"{statistics.quantiles(seconds, n=100)[percent - 1] * 1000:6.1f} ms"


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
