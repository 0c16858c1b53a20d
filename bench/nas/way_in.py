"""How long a message takes to the request at the model, by where the bot's database is.

Bots as people run them, side by side, are asked in turns in a drawn order, so that whatever else
the machine does meets all of them.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench.overhead import Model
from tests.clients.page import Tab
from tests.clients.process import bot_process

ASKED, WARM_UP = 150, 5
QUIET_S = 0.3
"""Between two messages, so that what one bot still does is not the next one's time."""
ANSWER_S = 60.0


@dataclass(frozen=True, slots=True)
class Way:
    """A `storage.mode`, the directory of the database, and one on this disk for all else."""

    mode: str
    place: Path
    home: Path


async def medians_ms(ways: Sequence[Way], ready: Callable[[], None]) -> dict[str, float]:
    """By mode. `ready` is called when all bots run."""
    model = Model()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(model.serving())
        tabs = {way.mode: await stack.enter_async_context(_asking(way, url)) for way in ways}
        await asyncio.to_thread(ready)
        took: dict[str, list[float]] = {mode: [] for mode in tabs}
        draw = Random(1)
        for number in range(WARM_UP + ASKED):
            for mode in draw.sample(list(tabs), len(tabs)):
                took[mode].append(await _way_in(model, tabs[mode], f"{mode}-{number}"))
                await asyncio.sleep(QUIET_S)
    return {mode: statistics.median(times[WARM_UP:]) * 1e3 for mode, times in took.items()}


@asynccontextmanager
async def _asking(way: Way, url: str) -> AsyncGenerator[Tab]:
    """A person at the page of a bot."""
    way.home.mkdir()
    settings = {
        "engine__kind": "remote",
        "engine__model": "echo",
        "engine__base_url": url,
        "web__port": "0",
        "storage__path": str(way.place / f"{way.mode}.db"),
        "storage__mode": way.mode,
        "storage__local_dir": str(way.home),
    }
    async with bot_process(way.home, **settings) as bot:
        tab = Tab(bot.link, "ann")
        await tab.join()
        async with asyncio.TaskGroup() as tasks:
            staying = tasks.create_task(tab.stay())
            await tab.until(lambda: tab.rooms, ANSWER_S)
            yield tab
            staying.cancel()


async def _way_in(model: Model, tab: Tab, mark: str) -> float:
    """The seconds from a message to its request; returns when the answer is posted."""
    answers = len(tab.shown(tab.direct))
    began = time.perf_counter()
    await tab.say(tab.direct, f"question {mark}")
    await tab.until(lambda: len(tab.shown(tab.direct)) > answers, ANSWER_S)
    return model.asked_at[mark] - began
